"""Threads for work that may never end: reading from a hung disk, loading a graph, a run on a stuck device.

Python joins the threads of a `ThreadPoolExecutor` before a process ends. These it does not.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
Item = tuple[Future[Any], Callable[[], Any]]

NICENESS = 10  # by which the priority is lower than the event loop's, on Linux's scale from -20 to 19


class DaemonThread(Executor):
    """One thread that does what is submitted in order. It ends after `shutdown`, or with the last reference to it."""

    def __init__(self, name: str, *, low_priority: bool = True) -> None:
        """`low_priority`: lower than the event loop's."""
        self._items: SimpleQueue[Item | None] = SimpleQueue()
        self.thread = threading.Thread(target=_worker, args=(self._items, low_priority), name=name, daemon=True)
        self.thread.start()
        weakref.finalize(self, self._items.put, None)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._items.put((future, partial(work, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """The thread ends after what is submitted already, which is not waited for."""
        self._items.put(None)


def in_daemon_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Calls `work` in a thread of its own."""
    thread = DaemonThread(name)
    result = asyncio.get_running_loop().run_in_executor(thread, work)
    thread.shutdown()
    return result


class Work(NamedTuple):
    result: asyncio.Future[Any]
    deadline: float  # by time.monotonic


class DaemonThreads:
    """Does each work in a thread of its own with a deadline, and at most one at a time under the same name.

    Work that is overdue is left to itself. Until it ends, all work of its name is overdue too, so that a disk that
    hangs costs one thread, and not one for each attempt.
    """

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}

    async def run(self, name: str, work: Callable[[], T], timeout_s: float) -> T:
        """Returns or raises what `work` does. Raises `TimeoutError` if that takes longer than `timeout_s`."""
        while earlier := self._works.get(name):
            await until_done(earlier)
        started = Work(in_daemon_thread(work, name), time.monotonic() + timeout_s)
        self._works[name] = started
        started.result.add_done_callback(partial(self._end, name))
        await until_done(started)
        return cast(T, started.result.result())

    def _end(self, name: str, result: asyncio.Future[Any]) -> None:
        del self._works[name]
        if not result.cancelled():
            result.exception()  # it may be overdue, and nobody waits for it


async def until_done(work: Work) -> None:
    """Raises `TimeoutError` at the work's deadline."""
    done, _ = await asyncio.wait((work.result,), timeout=max(0.0, work.deadline - time.monotonic()))
    if not done:
        raise TimeoutError


def _worker(items: SimpleQueue[Item | None], low_priority: bool) -> None:
    if low_priority:
        lower_priority()
    while item := items.get():
        future, work = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  # raised where the future is awaited
                future.set_exception(error)
        del item, future, work  # while the thread waits it keeps nothing alive


def lower_priority() -> None:
    """Lets the event loop, which has little to do, go before this thread on a core that both want.

    One core, small requests beside a convolutional model's 4,096 images: p99 8.0 ms without it, 4.3 ms with.
    """
    if sys.platform == "linux":  # where each thread has a priority of its own
        with suppress(OSError):  # a sandbox may forbid it
            niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
