"""API keys: which requests need one, and whether the key is known."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden, Unauthorized

Headers = Mapping[bytes, bytes]  # names in lower case


class Access:
    """Whose key is known. Only digests of keys are: whoever reads the settings can ask nothing.

    ApiKeyMiddleware are long and random (`python -m app key`), so that a plain SHA-256 gives nothing away.
    """

    def __init__(self, api_keys: Sequence[str], admin_keys: Sequence[str]) -> None:
        """SHA-256 digests, hexadecimal in lower case."""
        self.admins = tuple(admin_keys)
        self.everyone = (*api_keys, *admin_keys)

    def knows(self, headers: Headers) -> bool:
        return is_known(key_of(headers), self.everyone)

    def check(self, headers: Headers) -> None:
        """Raises `Unauthorized`."""
        if not self.knows(headers):
            raise Unauthorized("Send a key that is known here, as Authorization: Bearer KEY or as X-API-Key: KEY.")

    def check_admin(self, headers: Headers) -> None:
        """Raises `Unauthorized`, or `Forbidden` if another key is needed or none would do."""
        if not self.admins:
            raise Forbidden("Nobody may do this here: the operator opens it with admin_keys.")
        self.check(headers)
        if not is_known(key_of(headers), self.admins):
            raise Forbidden("This key is not for that: send one of an administrator.")


def key_of(headers: Headers) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def is_known(key: bytes, digests: Sequence[str]) -> bool:
    """Compared with every one, so that the time it takes tells nothing."""
    digest = hashlib.sha256(key).hexdigest()
    return sum([hmac.compare_digest(digest, each) for each in digests]) > 0


# Probes, which send no keys; the page and the description, in which there is nothing that is not public anyway.
PROBES = ("/", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping")
OPEN_PATHS = (*PROBES, "/docs", "/openapi.json")
OPEN_FOLDERS = ("/static/", "/docs/files/")


class ApiKeyMiddleware:
    """Lets only those with a known key through, but for what is open to all."""

    def __init__(self, app: ASGIApp, access: Access, health_route: str) -> None:
        """`health_route` is a platform's own address of a probe, or empty."""
        self.app = app
        self.access = access
        self.open_paths = {*OPEN_PATHS, health_route}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_open(scope):
            self.access.check(dict(scope["headers"]))
        await self.app(scope, receive, send)

    def is_open(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["method"] in ("GET", "HEAD") and (path in self.open_paths or path.startswith(OPEN_FOLDERS))
