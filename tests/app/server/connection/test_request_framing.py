"""Where a request ends: what could be read in two ways is refused, and its connection closed (request smuggling)."""

from __future__ import annotations

import asyncio
import re

import pytest

from app.errors import InvalidRequest
from app.server.connection.request_framing import MAX_HEAD_BYTES, RequestFraming
from tests.support.hot_app import HotApp, echo, post
from tests.support.wire import Wire

START = b"POST /echo HTTP/1.1\r\n"
HEAD = START + b"Host: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"  # smuggled, if it is answered behind a body that should hold it

# The statuses of the responses to what a client sends. After a 400 the connection is closed.
FRAMINGS: dict[str, tuple[bytes, list[int]]] = {
    # Content-Length: RFC 9112, 6.3
    "exact length": (HEAD + b"Content-Length: 3\r\n\r\nabc", [200]),
    "no body": (HEAD + b"\r\n", [200]),
    "length zero": (HEAD + b"Content-Length: 0\r\n\r\n", [200]),
    "leading zeros": (HEAD + b"Content-Length: 0003\r\n\r\nabc", [200]),
    "space around the length": (HEAD + b"Content-Length:   3  \r\n\r\nabc", [200]),
    "length and the next request": (HEAD + b"Content-Length: 3\r\n\r\nabc" + NEXT, [200, 200]),
    "body that looks like a request": (HEAD + b"Content-Length: %d\r\n\r\n" % len(NEXT) + NEXT, [200]),
    "GET with a body that looks like a request": (
        b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(NEXT) + NEXT,
        [200],
    ),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", [400]),
    "the same length twice": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", [400]),
    "list of lengths": (HEAD + b"Content-Length: 1, 1\r\n\r\na", [400]),
    "signed length": (HEAD + b"Content-Length: +1\r\n\r\na", [400]),
    "negative length": (HEAD + b"Content-Length: -1\r\n\r\na", [400]),
    "hexadecimal length": (HEAD + b"Content-Length: 0x1\r\n\r\na", [400]),
    "length with a fraction": (HEAD + b"Content-Length: 1.0\r\n\r\na", [400]),
    "length with an exponent": (HEAD + b"Content-Length: 1e1\r\n\r\na", [400]),
    "length with an underscore": (HEAD + b"Content-Length: 1_0\r\n\r\na", [400]),
    "empty length": (HEAD + b"Content-Length:\r\n\r\na", [400]),
    "length beyond 64 bits": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\na", [400]),
    "length in other digits": (HEAD + "Content-Length: \uff11\r\n\r\na".encode(), [400]),
    "length with a null": (HEAD + b"Content-Length: 1\x00\r\n\r\na", [400]),
    "length with a vertical tab": (HEAD + b"Content-Length: \x0b1\r\n\r\na", [400]),
    # Transfer-Encoding: RFC 9112, 6.1 and 7.1
    "chunked": (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", [200]),
    "chunked in capitals": (HEAD + b"Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [200]),
    "chunked and the next request": (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + NEXT, [200, 200]),
    "chunk that looks like a request": (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(NEXT), NEXT), [200]),
    "chunk extensions": (CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', [200]),
    "trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: y\r\n\r\n" + NEXT, [200, 200]),
    "length beside chunked": (HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT, [400]),
    "chunked beside length": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + NEXT, [400]),
    "length in a trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\nabcde", [400]),
    "chunked in HTTP/1.0": (b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    "gzip before chunked": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400]),
    "chunked not last": (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", [400]),
    "chunked twice": (HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", [400]),
    "chunked on two lines": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "chunked and then identity": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "identity": (HEAD + b"Transfer-Encoding: identity\r\n\r\n", [400]),
    "empty transfer coding": (HEAD + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", [400]),
    "unknown transfer coding": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400]),
    "quoted transfer coding": (HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', [400]),
    "transfer coding with a parameter": (HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", [400]),
    "transfer coding behind a vertical tab": (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", [400]),
    "chunk without a size": (CHUNKED + b"x\r\n", [400]),
    "empty chunk size": (CHUNKED + b"\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size with a prefix": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", [400]),
    "signed chunk size": (CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size with an underscore": (CHUNKED + b"0_3\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size behind a space": (CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size before a space": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size beyond 64 bits": (CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk longer than its size": (CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk shorter than its size": (CHUNKED + b"4\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk size behind a lone line feed": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", [400]),
    "chunk before a lone line feed": (CHUNKED + b"3\r\nabc\n0\r\n\r\n", [400]),
    "line feed in a chunk extension": (CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n", [400]),
    # The head: RFC 9112, 2.2, 3 and 5
    "blank lines before the head": (b"\r\n\r\n" + post("/echo"), [200]),
    "line end behind a body": (post("/echo") + b"\r\n" + post("/echo"), [200, 200]),
    "lone line feeds": (b"GET /x HTTP/1.1\nHost: x\n\n", [400]),
    "lone carriage return": (b"GET /x HTTP/1.1\rHost: x\r\n\r\n", [400]),
    "lone line feed before a header": (HEAD + b"X: a\nContent-Length: 3\r\n\r\nabc", [400]),
    "folded header": (HEAD + b"X: a\r\n Content-Length: 1\r\n\r\nx", [400]),
    "space before the first header": (START + b" Host: x\r\n\r\n", [400]),
    "space before the colon": (HEAD + b"Content-Length : 1\r\n\r\nx", [400]),
    "tab before the colon": (HEAD + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", [400]),
    "header without a name": (HEAD + b": 1\r\n\r\n", [400]),
    "header without a colon": (HEAD + b"Content-Length\r\n\r\n", [400]),
    "null in a header": (HEAD + b"X: a\x00b\r\n\r\n", [400]),
    "no host": (START + b"\r\n", [400]),
    "no host in HTTP/1.0": (b"GET /x HTTP/1.0\r\n\r\n", [200]),
    "two hosts": (HEAD + b"Host: y\r\n\r\n", [400]),
    "the same host twice": (HEAD + b"host: x\r\n\r\n", [400]),
    "host with a space": (START + b"Host: a b\r\n\r\n", [400]),
    "host with a path": (START + b"Host: a/b\r\n\r\n", [400]),
    "host with a user": (START + b"Host: a@b\r\n\r\n", [400]),
    "host that is not ASCII": (START + b"Host: \xc3\xa9\r\n\r\n", [400]),
    "host with a space in HTTP/1.0": (b"GET /x HTTP/1.0\r\nHost: a b\r\n\r\n", [400]),
    "host with a port": (START + b"Host: a_b-c.example:8000\r\n\r\n", [200]),
    "host by its address": (START + b"Host: [fe80::1%25eth0]:80\r\n\r\n", [200]),
    "empty host": (START + b"Host:\r\n\r\n", [200]),
    "absolute target": (b"GET http://x/y HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
    "two spaces in the request line": (b"GET  /x HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
    "space in the target": (b"GET /x y HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    "no version": (b"GET /x\r\n\r\n", [400]),
    "version 0.9": (b"GET /x HTTP/0.9\r\nHost: x\r\n\r\n", [400]),
    "version 2.0": (b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n", [400]),
    "version 1.2": (b"GET /x HTTP/1.2\r\nHost: x\r\n\r\n", [400]),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "method in small letters": (b"get /x HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    "unknown method": (b"BREW /x HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    # Upgrade and CONNECT: RFC 9110, 7.8 and 9.3.6
    "offered upgrade": (
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc" + NEXT,
        [200, 200],
    ),
    "offered upgrade, chunked": (
        HEAD + b"UPGRADE: a\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        [200],
    ),
    "several offers": (
        HEAD + b"Upgrade: a, b\r\nConnection: x, upgrade\r\nUpgrade: c\r\nContent-Length: 3\r\n\r\nabc",
        [200],
    ),
    "offered upgrade, with a body that looks like a request": (
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(NEXT) + NEXT,
        [200],
    ),
    "web socket": (
        b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        [200],
    ),
    "CONNECT": (b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n" + NEXT, [405]),
}


def statuses(sent: bytes, size: int) -> tuple[list[int], bool]:
    """Of the responses to what is sent in pieces of `size` bytes; and whether the connection is at its end."""

    async def scenario() -> Wire:
        wire = Wire(HotApp(echo=echo))
        for start in range(0, len(sent), size):
            wire.protocol.data_received(sent[start : start + size])
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await wire.responses()
        return wire

    wire = asyncio.run(scenario())
    written = b"".join(wire.written)
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", written)], wire.ended


@pytest.mark.parametrize(("sent", "expected"), FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("size", [100_000, 7, 1])
@pytest.mark.parametrize("path", [b"/echo", b"/other"], ids=["fast path", "uvicorn"])
def test_request_is_answered_once_or_refused_and_its_connection_closed(
    sent: bytes, expected: list[int], size: int, path: bytes
) -> None:
    found, ended = statuses(sent.replace(b"/echo", path), size)
    assert found == expected
    assert ended == (expected[-1] in (400, 405) or b"HTTP/1.0" in sent)


ADDRESS = b"TCP4 192.0.2.1 192.0.2.2 51000 8000\r\n"
OTHER_PROTOCOLS = {
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "put a proxy in front that speaks HTTP/2"),
    "PROXY protocol, version 1": (b"PROXY " + ADDRESS + NEXT, "send-proxy"),
    "PROXY protocol, version 2": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + NEXT, "send-proxy"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "without TLS"),
}


@pytest.mark.parametrize("name", OTHER_PROTOCOLS)
def test_other_protocol_is_named_with_what_to_do(name: str) -> None:
    sent, advice = OTHER_PROTOCOLS[name]
    with pytest.raises(InvalidRequest, match=advice):
        RequestFraming().next_piece(sent)


def test_pieces_end_with_the_request() -> None:
    framing = RequestFraming()
    assert framing.next_piece(b"POST / HTTP/1.1\r\nHost") == 0
    assert framing.next_piece(b"POST / HTTP/1.1\r\n\r\nabcdef") == 19
    framing.begin_body({b"content-length": b"3"})
    assert framing.next_piece(b"ab") == 2
    assert framing.next_piece(b"cdef") == 1


def test_pieces_of_a_chunked_body_are_lines_and_chunks() -> None:
    framing = RequestFraming()
    framing.begin_body({b"transfer-encoding": b"chunked"})
    pieces: list[bytes] = []
    data = b"3;x\r\nabc\r\n0\r\nX: y\r\n\r\nGET"
    while len(pieces) < 5:
        length = framing.next_piece(data)
        pieces.append(data[:length])
        data = data[length:]
    assert pieces == [b"3;x\r\n", b"abc\r\n", b"0\r\n", b"X: y\r\n", b"\r\n"]
    assert data == b"GET"


def test_endless_blank_lines_are_refused() -> None:
    framing = RequestFraming()
    for _ in range(MAX_HEAD_BYTES // 4):
        framing.next_piece(b"\r\n\r\n")
    with pytest.raises(InvalidRequest, match="longer than"):
        framing.next_piece(b"\r\n\r\n")
