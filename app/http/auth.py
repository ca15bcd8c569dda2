"""API keys: which requests need one, and whether a key is known."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Forbidden, Unauthorized

Headers = Mapping[bytes, bytes]  # names in lower case
KEY_ID_DIGITS = 8  # of a key's digest: enough to tell an operator's keys apart
MAX_KEYS = 8  # of one request: each is compared with every digest


class Authenticator:
    """Knows API keys by their digests alone, so that reading the settings gives no key away.

    A plain SHA-256 is enough because the keys are long and random (`python -m app key`).
    """

    def __init__(self, api_keys: Sequence[str], admin_keys: Sequence[str]) -> None:
        """SHA-256 digests, as lower-case hexadecimal."""
        self.admin_digests = tuple(admin_keys)
        self.digests = (*api_keys, *admin_keys)

    def accepts(self, headers: Headers) -> bool:
        return any_known(keys_of(headers), self.digests)

    def check(self, headers: Headers) -> None:
        """Raises `Unauthorized`."""
        if not self.accepts(headers):
            raise Unauthorized("Send a known API key, as Authorization: Bearer KEY or as X-API-Key: KEY.")

    def check_admin(self, headers: Headers) -> None:
        """Raises `Unauthorized`, or `Forbidden` if the key is not an administrator's or no administrator exists."""
        if not self.admin_digests:
            raise Forbidden("Administration is disabled: the operator enables it with admin_keys.")
        self.check(headers)
        if not any_known(keys_of(headers), self.admin_digests):
            raise Forbidden("This key has no administrator rights: send an administrator's key.")

    def key_id(self, headers: Headers) -> str | None:
        """The beginning of the digest of the request's key, an administrator's before others; None: no known key."""
        keys = keys_of(headers)
        known = [digest for digest in (*self.admin_digests, *self.digests) if any_known(keys, (digest,))]
        return known[0][:KEY_ID_DIGITS] if known else None


def combine(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; the values of one name are joined by commas, as proxies do too (RFC 9110, 5.3)."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        combined[name] = combined[name] + b"," + value if name in combined else value
    return combined


def keys_of(headers: Headers) -> list[bytes]:
    """All that may be a key: a proxy between client and service may have added credentials of its own."""
    keys = headers.get(b"x-api-key", b"").split(b",")
    for value in headers.get(b"authorization", b"").split(b","):
        scheme, *credentials = value.split(None, 1) or [b""]
        if scheme.lower() == b"bearer":
            keys += credentials
        elif scheme.lower() == b"basic" and credentials:
            keys += user_and_password(credentials[0])
    return [key for key in map(bytes.strip, keys) if key][:MAX_KEYS]


def user_and_password(credentials: bytes) -> tuple[bytes, ...]:
    """Of HTTP's Basic scheme (RFC 7617); empty if they are malformed."""
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except binascii.Error:
        return ()
    return user, password


def any_known(keys: Sequence[bytes], digests: Sequence[str]) -> bool:
    """Constant-time: compares every key with every digest, so that the response time reveals nothing."""
    key_digests = [hashlib.sha256(key).hexdigest() for key in keys]
    return sum([hmac.compare_digest(key, digest) for key in key_digests for digest in digests]) > 0


# Probes send no keys; the page and the API description hold only public information.
PROBE_PATHS = ("/", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping")
PAGE_PATHS = ("/about/models", "/about/health", "/service_worker.js", "/docs", "/favicon.ico", "/robots.txt")
PUBLIC_PATHS = (*PROBE_PATHS, *PAGE_PATHS, "/openapi.json")
PUBLIC_FOLDERS = ("/static/", "/docs/files/")


class ApiKeyMiddleware:
    """Refuses requests without a known key, except GET, HEAD and OPTIONS of public paths."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, health_route: str) -> None:
        """`health_route` is a platform's own path of a probe, or empty."""
        self.app = app
        self.authenticator = authenticator
        self.public_paths = {*PUBLIC_PATHS, health_route}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_public(scope):
            self.authenticator.check(combine(scope["headers"]))
        await self.app(scope, receive, send)

    def is_public(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["method"] in ("GET", "HEAD", "OPTIONS") and (
            path in self.public_paths or path.startswith(PUBLIC_FOLDERS)
        )
