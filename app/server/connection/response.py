"""The bytes of a response on the fast path, and of a refusal."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from http import HTTPStatus

from app.http.endpoint import RawResponse

Header = tuple[bytes, bytes]

CONNECTION_CLOSE = (b"connection", b"close")
CONNECTION_KEEP_ALIVE = (b"connection", b"keep-alive")
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def response_bytes(status: int, response: RawResponse, common: tuple[Header, ...], headers: Sequence[Header]) -> bytes:
    """Head and body. `common`: the headers of every response, which change once a second."""
    return b"%b%b%bcontent-length: %d\r\ncontent-type: %b\r\n\r\n%b" % (
        STATUS_LINES[status],
        cached_header_lines(common),
        header_lines(headers),
        len(response.body),
        response.content_type,
        response.body,
    )


def header_lines(headers: Sequence[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


cached_header_lines = functools.lru_cache(maxsize=4)(header_lines)
