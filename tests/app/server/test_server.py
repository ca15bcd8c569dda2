"""The server writes what it is given, in every form that an answer has."""

from __future__ import annotations

import http.client
import socket
from typing import Any

from tests.app.server.test_serve import serving
from tests.conftest import ROOT

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


def test_answer_of_the_fast_lane_is_one_packet() -> None:
    with serving("--device", "cpu") as service:
        host, port = service.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            for _ in range(3):
                connection.sendall(
                    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN
                )
                answer = connection.recv(65536)  # what the first packet holds
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
                assert b"content-length: %d" % len(body) in head
                assert body.endswith(b"}]}")


def test_caller_of_http_1_0_gets_its_answer_and_the_end() -> None:
    with serving("--device", "cpu") as service:
        host, port = service.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /predict HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"digit":7' in answer
    assert b"connection: close" in answer.lower()


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
