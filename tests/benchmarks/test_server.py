from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import processes
from benchmarks.accuracy import check_accuracy
from benchmarks.peer import NotComparable, Peer
from tests.support.fake_peer import labelled_payloads, serve
from tests.support.service import wait_until


def test_server_answers_can_be_suspended_and_leaves_no_process(peer: Peer) -> None:
    route = peer.routes["binary"]
    request = route.build(labelled_payloads()[0])
    with serve(peer) as server:
        server.wait_until_ready(request)
        assert check_accuracy(server.port, route, labelled_payloads()) == 1.0
        server.suspend()
        tree = list(server._suspended)
        wait_until(lambda: {process_state(process) for process in tree} == {"T"})  # signals arrive with a delay
        server.resume()
        response = server.try_send(request)
        assert response is not None
        assert response.status == 200
    assert len(tree) == 2
    assert not set(tree) & processes.live_parents().keys()


def process_state(process: int) -> str:
    return (processes.PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[0]


def test_server_is_stopped_when_its_block_is_left_by_an_interrupt(peer: Peer) -> None:
    server = serve(peer)

    def interrupted() -> None:
        with server:
            server.wait_until_ready(peer.routes["binary"].build(labelled_payloads()[0]))
            server.suspend()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert server._process.returncode is not None
    assert not processes.process_tree(server._process.pid)


def test_server_that_ends_at_once_is_reported_with_its_exit_status(peer: Peer) -> None:
    ending = replace(peer, command=lambda launch: [launch.python, "-c", "raise SystemExit(3)"])
    request = peer.routes["binary"].build(labelled_payloads()[0])
    with serve(ending) as server, pytest.raises(NotComparable, match="exited with status 3"):
        server.wait_until_ready(request)
