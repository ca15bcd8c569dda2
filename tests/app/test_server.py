"""Each answer leaves in one write, and none is held back."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from app.server import OneWrite
from tests.app.test_serve import serving

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


class Wire:
    """A transport that notes what is written to it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_head_and_body_are_one_write(wire: Wire) -> None:
    transport = OneWrite(wire)
    transport.write(HEAD)
    assert wire.writes == []
    transport.write(b"hello")
    transport.write(b" more")
    assert wire.writes == [HEAD + b"hello", b" more"]


def test_head_alone_leaves_at_the_end_of_its_answer(wire: Wire) -> None:
    transport = OneWrite(wire)
    transport.write(HEAD)
    transport.flush()
    transport.flush()
    assert wire.writes == [HEAD]


def test_head_alone_leaves_before_the_connection_closes(wire: Wire) -> None:
    transport = OneWrite(wire)
    transport.write(HEAD)
    transport.close()
    assert (wire.writes, wire.closed) == ([HEAD], True)


def test_invitation_to_send_the_body_is_not_held_back(wire: Wire) -> None:
    OneWrite(wire).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_whatever_else_a_transport_does_it_does(wire: Wire) -> None:
    assert OneWrite(wire).get_extra_info("peername") == "peername"


def test_answers_of_every_form_come_over_one_connection() -> None:
    """With a body of known length, without one, in pieces, unchanged, refused; one after the other."""
    with serving("--device", "cpu") as service:
        connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=20)

        def ask(method: str, path: str, **headers: str) -> tuple[int, bytes, Any]:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers

        status, picture, headers = ask("GET", "/static/seven.png")
        assert (status, picture[:4]) == (200, b"\x89PNG")
        assert ask("HEAD", "/static/seven.png")[:2] == (200, b"")
        assert ask("GET", "/static/seven.png", **{"If-None-Match": headers["etag"]})[:2] == (304, b"")
        assert ask("GET", "/nothing")[0] == 404
        assert ask("GET", "/openapi.json")[0] == 200
        connection.request("POST", "/predict", picture, {"Expect": "100-continue"})
        assert connection.getresponse().read().startswith(b'{"model"')
        assert ask("POST", "/predict")[0] == 400
        connection.close()
