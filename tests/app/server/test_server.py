"""The server of one process: what it writes, and how it shuts down."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import signal
import socket
import subprocess
import time
from typing import Any

import pytest

from tests.conftest import NEWEST, ROOT
from tests.support.api_keys import digest_of
from tests.support.service import TIMEOUT_S, Service, serving, serving_stuck, wait_until
from tests.support.service_process import free_port

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
QUICK_END = ("--drain-seconds", "0.5", "--shutdown-seconds", "1")


# --- responses --------------------------------------------------------------------------------------------------------


def test_response_on_the_fast_path_is_one_packet() -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN
    with (
        serving("--device", "cpu", "--fast-path", "true") as service,
        socket.create_connection(("127.0.0.1", service.port)) as connection,
    ):
        for _ in range(3):
            connection.sendall(request)
            packet = connection.recv(65536)
            head, _, body = packet.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
            assert b"content-length: %d" % len(body) in head
            assert body.endswith(b"}]}")


def test_client_of_http_1_0_gets_its_response_and_the_end_of_the_connection() -> None:
    request = b"POST /predict HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN
    with (
        serving("--device", "cpu") as service,
        socket.create_connection(("127.0.0.1", service.port)) as connection,
    ):
        connection.sendall(request)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"digit":7' in response
    assert b"connection: close" in response.lower()


def test_responses_of_every_form_come_over_one_connection() -> None:
    """With a body of known length, without one, in pieces, unchanged, refused; one after the other."""
    with serving("--device", "cpu") as service:
        connection = service.connect()

        def ask(method: str, path: str, **headers: str) -> tuple[int, bytes, Any]:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers

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


# --- graceful shutdown ------------------------------------------------------------------------------------------------


def ask(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    """The status and the Connection header of a response."""
    connection.request("GET", "/health/live")
    with connection.getresponse() as response:
        response.read()
        return response.status, response.getheader("connection")


def test_sigterm_says_not_ready_at_once_and_still_answers_until_drained() -> None:
    with serving("--drain-seconds", "2") as service:
        assert service.get("/health/ready")[0] == 200
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        time.sleep(0.5)  # without a drain the port is closed after 0.1 s
        assert service.get("/health/live")[0] == 200
        assert service.get("/models")[0] == 200
        assert service.process.wait(TIMEOUT_S) == 0


def test_responses_close_their_connections_while_draining_and_idle_ones_stay_open() -> None:
    with serving("--drain-seconds", "600") as service:
        idle = service.connect()
        assert ask(idle) == (200, None)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        time.sleep(0.5)  # a server that closes idle connections has done so by now
        assert ask(idle) == (200, "close")


def test_every_response_of_a_long_drain_closes_its_connection() -> None:
    """uvicorn replaces the headers of all responses once a second."""
    with serving("--drain-seconds", "600") as service:
        early, late = service.connect(), service.connect()
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        assert ask(early) == (200, "close")
        time.sleep(1.2)
        assert ask(late) == (200, "close")


def test_interrupt_does_not_wait_for_the_drain() -> None:
    with serving("--drain-seconds", "600") as service:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(TIMEOUT_S) == 0


def test_request_in_progress_is_answered_before_the_exit() -> None:
    """A body that is still arriving when the service is told to stop."""
    with serving("--drain-seconds", "0") as service:
        curl = f"curl -s --limit-rate 200 --data-binary @{shlex.quote(str(ROOT / 'app/web/static/seven.png'))}"
        slow = subprocess.Popen(["bash", "-c", f"{curl} {service.address}/predict"], stdout=subprocess.PIPE)
        time.sleep(0.5)  # the first of its 317 bytes are on their way
        service.process.send_signal(signal.SIGTERM)
        out, _ = slow.communicate(timeout=TIMEOUT_S)
        assert json.loads(out)["predictions"][0]["digit"] == 7
        assert service.process.wait(TIMEOUT_S) == 0


# --- the end, whatever happens ----------------------------------------------------------------------------------------


def test_thread_that_never_returns_does_not_keep_the_process() -> None:
    with serving_stuck("thread", *QUICK_END) as service:
        assert service.get("/health")[0] == 200
        service.process.terminate()
        _, log = service.process.communicate(timeout=TIMEOUT_S)
        assert service.process.returncode == 0
        assert "while these threads still work" in log


def test_event_loop_that_never_returns_does_not_keep_the_process() -> None:
    with serving_stuck("event loop", *QUICK_END) as service:
        connection = service.connect()
        connection.request("GET", "/health")
        time.sleep(0.5)
        service.process.terminate()
        _, log = service.process.communicate(timeout=TIMEOUT_S)
        assert service.process.returncode == 1
        assert "MainThread in " in log
        connection.close()


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_the_process_at_once(signum: signal.Signals, status: int) -> None:
    with serving("--drain-seconds", "600") as service:
        service.process.terminate()
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        service.process.send_signal(signum)
        assert service.process.wait(TIMEOUT_S) == status


def test_hang_up_and_log_rotation_do_not_end_the_service() -> None:
    with serving() as service:
        service.process.send_signal(signal.SIGUSR1)
        service.process.send_signal(signal.SIGHUP)
        assert service.process.stderr
        assert any("SIGHUP: one process cannot replace itself" in line for line in service.process.stderr)
        assert service.get("/health/live")[0] == 200


def test_steps_of_the_shutdown_are_logged() -> None:
    with serving("--drain-seconds", "0.2") as service:
        connection = service.connect()
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", str(len(SEVEN)))
        connection.endheaders(SEVEN[:100])
        service.get("/health/live")  # by now the head of the first has been read
        service.process.terminate()
        time.sleep(0.5)
        connection.send(SEVEN[100:])
        assert connection.getresponse().status == 200
        connection.close()
        _, log = service.process.communicate(timeout=TIMEOUT_S)
    steps = re.findall(r"SIGTERM \+ [\d.]+ s: (.*); requests in progress: (\d)", log)
    assert steps == [
        ("draining for 0.2 s", "1"),
        ("the port is closed", "1"),
        ("connections are closed", "0"),
        ("models are closed, the process ends", "0"),
    ]


# --- the port for metrics and probes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_port_has_metrics_and_probes_without_a_key(workers: str) -> None:
    port = free_port()
    options = ("--metrics-port", str(port), "--api-keys", digest_of("key"), "--workers", workers, "--device", "cpu")
    with serving(*options, "--drain-seconds", "2") as service:
        operations = Service(service.process, f"http://127.0.0.1:{port}")
        assert [service.get(path)[0] for path in ("/models", "/metrics")] == [401, 401]
        loaded = f'digits_model_loaded{{device="cpu",model="digits",precision="float32",version="{NEWEST}"}}'
        assert operations.metric(loaded) == int(workers)
        assert [operations.get(path)[0] for path in ("/health/live", "/health/ready")] == [200, 200]
        assert [operations.get(path)[0] for path in ("/models", "/", "/v2", "/docs")] == [404] * 4
        service.process.terminate()
        wait_until(lambda: operations.get("/health/ready")[0] == 503)
        assert operations.get("/health/live")[0] == 200
        assert service.process.wait(TIMEOUT_S) == 0
