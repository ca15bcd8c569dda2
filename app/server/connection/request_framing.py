"""Where a request ends in the bytes of its connection (RFC 9112, sections 2, 6 and 7).

llhttp parses whatever it is fed and cannot be paused. So the bytes are cut into pieces that end no later than the
request: what a client pipelines behind it is not parsed, and takes no memory, before the response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.errors import InvalidRequest

MAX_HEAD_BYTES = 2**16  # of a head, of the trailers, or of a chunk's size and extensions: llhttp has no limit
MAX_CHUNK_SIZE_DIGITS = 15
HEAD_START = re.compile(rb"[A-Z\r\n]")  # of a method, or of a blank line before it
PROXY_PROTOCOL = (
    "The connection begins with the PROXY protocol, which is not supported: turn it off for this port in the load "
    "balancer (send-proxy of HAProxy, proxy_protocol of nginx)."
)
# RFC 9113, 3.4; https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt
OTHER_PROTOCOLS = {
    b"PRI ": "The connection begins as HTTP/2: send HTTP/1.1, or put a proxy in front that speaks HTTP/2.",
    b"PROXY ": PROXY_PROTOCOL,
    b"\r\n\r\n\0\r\nQUIT\n": PROXY_PROTOCOL,
}
NOT_IN_A_HOST = re.compile(rb"""[^!-~]|[/?#@\\<>"^`{|}]""")  # RFC 3986, 3.2.2
HEAD_END = re.compile(rb"\n\r?\n")


class RequestFraming:
    """The state of one connection: in a head, in a body of known length, or in a chunked body."""

    def __init__(self) -> None:
        self.begin_head()

    def begin_head(self) -> None:
        self.in_head = True
        self.in_trailers = False
        self.chunked = False
        self.remaining = 0  # bytes of the body, or of the chunk and its line end
        self.unbounded_bytes = 0  # of blank lines before the head, or of trailers

    def begin_body(self, headers: Mapping[bytes, bytes]) -> None:
        """llhttp has refused a wrong Content-Length, and one beside Transfer-Encoding."""
        self.in_head = False
        self.chunked = b"transfer-encoding" in headers
        self.remaining = int(headers.get(b"content-length", b"0"))

    def next_piece(self, data: bytes) -> int:
        """How many bytes of `data`, which is not empty, to parse next; 0: more are needed first.

        Raises `InvalidRequest` beyond the limits.
        """
        if self.in_head:
            return self.head_piece(data)
        if self.remaining:
            length = min(self.remaining, len(data))
            self.remaining -= length
            return length
        return self.line_piece(data) if self.chunked else len(data)

    def head_piece(self, data: bytes) -> int:
        if refusal := next((refusal for start, refusal in OTHER_PROTOCOLS.items() if data.startswith(start)), None):
            raise InvalidRequest(refusal)
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:  # incomplete, or with line ends that llhttp will refuse
            if not HEAD_START.match(data):
                raise InvalidRequest("The bytes are not HTTP/1.1: send http:// requests, without TLS, to this port.")
            match = HEAD_END.search(data)
            end = match.end() if match else 0
        self.unbounded_bytes += end
        if max(self.unbounded_bytes, len(data) if not end else 0) > MAX_HEAD_BYTES:
            raise InvalidRequest(f"The headers are longer than {MAX_HEAD_BYTES:,} bytes: send fewer or shorter.")
        return end

    def line_piece(self, data: bytes) -> int:
        """A line of the chunked coding: a chunk's size, or a trailer."""
        end = data.find(b"\n") + 1
        if self.in_trailers:
            self.unbounded_bytes += end
        elif end:
            self.begin_chunk(data[:end])
        if max(self.unbounded_bytes, end or len(data)) > MAX_HEAD_BYTES:
            raise InvalidRequest(f"A chunk's size or the trailers are longer than {MAX_HEAD_BYTES:,} bytes.")
        return end

    def begin_chunk(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        if len(digits) > MAX_CHUNK_SIZE_DIGITS or not re.fullmatch(rb"[0-9A-Fa-f]+", digits):
            raise InvalidRequest("A chunk's size is not a hexadecimal number.")
        size = int(digits, 16)
        self.in_trailers = size == 0
        self.remaining = size and size + 2


def check_head(lines: Sequence[tuple[bytes, bytes]], headers: Mapping[bytes, bytes], version: str) -> None:
    """What llhttp leaves to us of RFC 9112, sections 2.3, 3.2 and 6.1. Raises `InvalidRequest`."""
    if version not in ("1.1", "1.0"):
        raise InvalidRequest(f"HTTP/{version} is not supported: send HTTP/1.1.")
    if version == "1.1" and b"host" not in headers:
        raise InvalidRequest("The header Host is missing: HTTP/1.1 requires it.")
    if len(headers) != len(lines) and sum(name == b"host" for name, _ in lines) > 1:
        raise InvalidRequest("The header Host is there more than once: send one.")
    if NOT_IN_A_HOST.search(headers.get(b"host", b"")):
        raise InvalidRequest("The header Host is not valid: it must be a host's name or address, and maybe a port.")
    if b"transfer-encoding" in headers and (version == "1.0" or headers[b"transfer-encoding"].lower() != b"chunked"):
        raise InvalidRequest("Transfer-Encoding must be chunked, in HTTP/1.1: compress with Content-Encoding instead.")
