"""Work that never ends keeps neither its caller nor the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from app.daemon_thread import DaemonThread, DaemonThreads
from tests.support.service import TIMEOUT_S

# A process whose thread waits for ever.
STUCK = """
import threading
from app.daemon_thread import DaemonThread
DaemonThread("stuck").submit(threading.Event().wait)
print("done")
"""


def test_work_is_done_in_order_and_its_errors_are_passed_on() -> None:
    thread = DaemonThread("t")
    done: list[int] = []
    futures = [thread.submit(done.append, number) for number in range(3)]
    failed = thread.submit(int, "no number")
    thread.shutdown()
    assert [future.result(TIMEOUT_S) for future in futures] == [None, None, None]
    assert done == [0, 1, 2]
    with pytest.raises(ValueError, match="no number"):
        failed.result(TIMEOUT_S)


def test_process_ends_although_a_thread_is_stuck() -> None:
    command = [sys.executable, "-c", STUCK]
    assert subprocess.check_output(command, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S) == "done\n"


def test_overdue_work_costs_one_thread_and_other_names_go_on() -> None:
    async def scenario() -> None:
        threads, resume, calls = DaemonThreads(), threading.Event(), []

        def stuck() -> None:
            calls.append(1)
            resume.wait(TIMEOUT_S)

        for _ in range(5):
            with pytest.raises(TimeoutError):
                await threads.run("disk", stuck, 0.02)
        assert len(calls) == 1
        assert await threads.run("another disk", lambda: 7, TIMEOUT_S) == 7
        resume.set()
        while threads._works:
            await asyncio.sleep(0.001)
        assert await threads.run("disk", lambda: 8, TIMEOUT_S) == 8

    asyncio.run(scenario())


def test_work_of_one_name_is_done_one_after_the_other() -> None:
    async def scenario() -> None:
        threads, running, together = DaemonThreads(), [], []

        def work(number: int) -> int:
            running.append(number)
            together.append(len(running))
            running.remove(number)
            return number

        works = (threads.run("disk", lambda number=number: work(number), TIMEOUT_S) for number in range(5))  # type: ignore[misc]
        assert await asyncio.gather(*works) == [0, 1, 2, 3, 4]
        assert together == [1] * 5

    asyncio.run(scenario())


def test_errors_of_work_are_raised_where_it_was_ordered() -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await DaemonThreads().run("disk", lambda: 1 / 0, TIMEOUT_S)

    asyncio.run(scenario())
