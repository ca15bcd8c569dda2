"""Listening sockets: a port that is taken, and connections that wait when the port closes."""

from __future__ import annotations

import re
import signal
import time

from tests.support.service import TIMEOUT_S, assert_refuses_to_start, serving


def test_port_that_is_taken_is_said() -> None:
    with serving() as service:
        line = assert_refuses_to_start("--port", str(service.port))
        assert re.fullmatch(r"error: .*Address already in use", line)


def test_connections_that_wait_to_be_accepted_at_the_end_are_answered() -> None:
    with serving("--drain-seconds", "0") as service:
        service.process.send_signal(signal.SIGSTOP)
        waiting = [service.connect() for _ in range(20)]
        for connection in waiting:
            connection.request("GET", "/health/live")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # it handles the signal before it has accepted them all
        service.process.send_signal(signal.SIGCONT)
        for connection in waiting:
            assert connection.getresponse().status == 200
            connection.close()
        assert service.process.wait(TIMEOUT_S) == 0
