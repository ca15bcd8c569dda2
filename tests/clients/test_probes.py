"""The requests of load balancers, monitors and browsers, byte by byte as they send them."""

from __future__ import annotations

import socket

import pytest

from tests.support.service import TIMEOUT_S, Service

NO_KEY_NEEDED = {
    "AWS load balancer": b"GET /health/ready HTTP/1.1\r\nHost: 10.0.3.7:8000\r\nConnection: close\r\n"
    b"User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n",
    "Google load balancer": b"GET /health/ready HTTP/1.1\r\nHost: 10.0.3.7\r\nUser-Agent: GoogleHC/1.0\r\n"
    b"Connection: close\r\n\r\n",
    "Azure load balancer": b"GET /health/ready HTTP/1.1\r\nConnection: Close\r\nHost: 10.0.3.7:8000\r\n"
    b"User-Agent: Load Balancer Agent\r\n\r\n",
    "Kubernetes": b"GET /health/live HTTP/1.1\r\nHost: 10.244.0.9:8000\r\nUser-Agent: kube-probe/1.31\r\n"
    b"Accept: */*\r\nConnection: close\r\n\r\n",
    "HAProxy": b"OPTIONS / HTTP/1.0\r\n\r\n",
    "HAProxy with httpchk": b"HEAD /health/ready HTTP/1.0\r\n\r\n",
    "monitor of HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "monitor of HTTP/1.0 with keep-alive": b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    "monitor with HEAD": b"HEAD / HTTP/1.1\r\nHost: digits.example\r\nConnection: close\r\n\r\n",
    "through a forward proxy": b"GET http://digits.example/health/live HTTP/1.1\r\nHost: digits.example\r\n"
    b"Proxy-Connection: close\r\nConnection: close\r\n\r\n",
    "SageMaker": b"GET /ping HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n",
    "browser's icon": b"GET /favicon.ico HTTP/1.1\r\nHost: a\r\nSec-Fetch-Dest: image\r\nConnection: close\r\n\r\n",
    "search engine": b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "lower-case names, no space": b"GET /health/live HTTP/1.1\r\nhost:a\r\nconnection:close\r\n\r\n",
    "a line break first": b"\r\nGET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",  # RFC 9112, 2.2
}


def exchange(service: Service, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", service.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        if b"Keep-Alive" in request:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(2**16):
            received += piece
    return received


@pytest.mark.parametrize("sender", NO_KEY_NEEDED)
def test_probe_is_answered(keyed: Service, sender: str) -> None:
    """By a service with API keys, which no probe has."""
    response = exchange(keyed, NO_KEY_NEEDED[sender])
    assert response.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 204 ")), response
    if NO_KEY_NEEDED[sender].lstrip().startswith(b"HEAD"):
        assert response.endswith(b"\r\n\r\n")


def test_probe_that_only_connects_does_no_harm(keyed: Service) -> None:
    """TCP health checks: connect, and close or reset."""
    for _ in range(20):
        socket.create_connection(("127.0.0.1", keyed.port)).close()
    assert keyed.get("/health/ready")[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /.well-known/security.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /service-worker.js HTTP/1.1\r\nHost: a\r\nService-Worker: script\r\nConnection: close\r\n\r\n",
        b"GET /wp-login.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_others_look_for_is_not_found(service: Service, request_: bytes) -> None:
    """404 ends a service worker that another site left at this address."""
    assert exchange(service, request_).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS on the plain port
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),  # HTTP/2 without asking
        b"PROXY TCP4 10.0.0.1 10.0.0.2 4711 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",  # Redis
    ],
)
def test_another_protocol_is_refused_and_the_connection_closed(service: Service, request_: bytes) -> None:
    assert exchange(service, request_).split(b"\r\n")[0] in (b"HTTP/1.1 400 Bad Request", b"")


def test_options_of_the_whole_server_is_answered(keyed: Service) -> None:
    """RFC 9110, 9.3.7."""
    response = exchange(keyed, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 204 ")
