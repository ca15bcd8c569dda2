from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import check, processes
from benchmarks.digits import Question
from benchmarks.peer import NoComparison, Peer
from benchmarks.server import Server
from tests.benchmarks.conftest import MakePeer
from tests.support.service import wait_until


def questions() -> list[Question]:
    """Images that say in their first pixel what they are."""
    labels = np.arange(64, dtype=np.uint8) % 10
    images = np.zeros((64, 28, 28), np.uint8)
    images[:, 0, 0] = labels
    return [Question(np.roll(images, at, axis=0), np.roll(labels, at)) for at in range(4)]


def served(peer: Peer) -> Server:
    return Server(peer, Path(sys.executable), 1, "binary", "0")


def test_server_answers_freezes_and_leaves_no_process(make_peer: MakePeer) -> None:
    route = make_peer(0).routes["binary"]
    first = route.ask(questions()[0])
    with served(make_peer(0)) as server:
        server.wait_until_ready(first)
        assert check.accuracy(server.port, route, questions()) == 1.0
        server.freeze()
        family = list(server._frozen)
        wait_until(lambda: {stat(each) for each in family} == {"T"})  # a signal is on its way for a while
        server.thaw()
        answer = server.answer(first)
        assert answer is not None
        assert answer.status == 200
    assert len(family) == 2
    assert not set(family) & processes.parents().keys()


def stat(process: int) -> str:
    return (processes.PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[0]


def test_server_is_stopped_when_its_block_is_left_by_an_interrupt(make_peer: MakePeer) -> None:
    server = served(make_peer(0))

    def interrupted() -> None:
        with server:
            server.wait_until_ready(make_peer(0).routes["binary"].ask(questions()[0]))
            server.freeze()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert server._process.returncode is not None
    assert not processes.tree(server._process.pid)


def test_server_that_reads_other_digits_is_refused(make_peer: MakePeer) -> None:
    route = make_peer(1).routes["binary"]
    with served(make_peer(1)) as server:
        server.wait_until_ready(route.ask(questions()[0]))
        with pytest.raises(NoComparison, match=r"reads only 0\.0%"):
            check.accuracy(server.port, route, questions())


def test_server_that_ends_at_once_is_told_with_its_status(make_peer: MakePeer) -> None:
    ends = replace(make_peer(0), command=lambda launch: [launch.python, "-c", "raise SystemExit(3)"])
    first = make_peer(0).routes["binary"].ask(questions()[0])
    with served(ends) as server, pytest.raises(NoComparison, match="ended with status 3"):
        server.wait_until_ready(first)
