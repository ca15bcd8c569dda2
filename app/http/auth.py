"""API keys: which requests need one, and whether a key is known."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden, Unauthorized

Headers = Mapping[bytes, bytes]  # names in lower case


class Authenticator:
    """Knows API keys by their digests alone, so that reading the settings gives no key away.

    A plain SHA-256 is enough because the keys are long and random (`python -m app key`).
    """

    def __init__(self, api_keys: Sequence[str], admin_keys: Sequence[str]) -> None:
        """SHA-256 digests, as lower-case hexadecimal."""
        self.admin_digests = tuple(admin_keys)
        self.digests = (*api_keys, *admin_keys)

    def accepts(self, headers: Headers) -> bool:
        return is_known(key_of(headers), self.digests)

    def check(self, headers: Headers) -> None:
        """Raises `Unauthorized`."""
        if not self.accepts(headers):
            raise Unauthorized("Send a known API key, as Authorization: Bearer KEY or as X-API-Key: KEY.")

    def check_admin(self, headers: Headers) -> None:
        """Raises `Unauthorized`, or `Forbidden` if the key is not an administrator's or no administrator exists."""
        if not self.admin_digests:
            raise Forbidden("Administration is disabled: the operator enables it with admin_keys.")
        self.check(headers)
        if not is_known(key_of(headers), self.admin_digests):
            raise Forbidden("This key has no administrator rights: send an administrator's key.")


def key_of(headers: Headers) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def is_known(key: bytes, digests: Sequence[str]) -> bool:
    """Constant-time: compares the key with every digest, so that the response time reveals nothing."""
    key_digest = hashlib.sha256(key).hexdigest()
    return sum([hmac.compare_digest(key_digest, digest) for digest in digests]) > 0


# Probes send no keys; the page and the API description hold only public information.
PROBE_PATHS = ("/", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping")
PUBLIC_PATHS = (*PROBE_PATHS, "/docs", "/openapi.json", "/favicon.ico", "/robots.txt")
PUBLIC_FOLDERS = ("/static/", "/docs/files/")


class ApiKeyMiddleware:
    """Refuses requests without a known key, except GET and HEAD of public paths."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, health_route: str) -> None:
        """`health_route` is a platform's own path of a probe, or empty."""
        self.app = app
        self.authenticator = authenticator
        self.public_paths = {*PUBLIC_PATHS, health_route}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_public(scope):
            self.authenticator.check(dict(scope["headers"]))
        await self.app(scope, receive, send)

    def is_public(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["method"] in ("GET", "HEAD") and (path in self.public_paths or path.startswith(PUBLIC_FOLDERS))
