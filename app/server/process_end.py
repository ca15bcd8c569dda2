"""The end of this process, in time, whatever its threads do.

    served               `end_process`: the clean-ups, then the end, without a wait for threads that still work
    not ended in time    `EndTimer`: the same in a thread of its own
    even that is stuck   faulthandler's timer, which needs neither a free thread nor the interpreter's lock

Python's own exit joins the threads of every pool: one that reads from a hung disk would keep the process for ever.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

from app.server.early_signals import run_clean_ups

LAST_RESORT_SECONDS = 0.3  # after the end's time: the clean-ups or the log are stuck
IDLE_FUNCTIONS = frozenset({"_worker", "_wait", "_acquire_restore", "get", "wait"})  # where threads wait for work

logger = logging.getLogger(__name__)


class EndTimer:
    """Ends this process at the time that was set last, unless it has ended by then. Started once."""

    def __init__(self) -> None:
        self._times: queue.SimpleQueue[tuple[float, int]] = queue.SimpleQueue()  # its `put` is safe in a signal handler
        self._ends_at = float("inf")

    def start(self) -> None:
        self._nowhere = os.open(os.devnull, os.O_WRONLY)  # standard error may be what is stuck
        threading.Thread(target=self._wait, name="end timer", daemon=True).start()

    def set(self, seconds: float, status: int = 1) -> None:
        """Ends the process in `seconds` with the exit status. A later time than one set before changes nothing."""
        ends_at = time.monotonic() + seconds
        if ends_at < self._ends_at:
            self._ends_at = ends_at
            self._times.put((ends_at, status))
            faulthandler.dump_traceback_later(seconds + LAST_RESORT_SECONDS, exit=True, file=self._nowhere)

    def _wait(self) -> None:
        ends_at, status = self._times.get()
        with suppress(queue.Empty):
            while True:
                ends_at, status = self._times.get(timeout=max(0.0, ends_at - time.monotonic()))
        end_process(status)


end_timer = EndTimer()


def end_process(status: int) -> NoReturn:
    """Logs which threads are left at work."""
    run_clean_ups()
    with suppress(Exception):
        if left := "; ".join(busy_threads()):
            logger.warning("the process ends while these threads still work: %s", left)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


def busy_threads() -> Iterator[str]:
    """The threads that work, and where they are."""
    frames = sys._current_frames()  # noqa: SLF001  # documented, and special only in its name
    for thread in threading.enumerate():
        stack = traceback.extract_stack(frames.get(thread.ident or 0))
        if thread is not threading.current_thread() and stack and stack[-1].name not in IDLE_FUNCTIONS:
            yield f"{thread.name} in {stack[-1].filename}, line {stack[-1].lineno} ({stack[-1].name})"
