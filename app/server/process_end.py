"""The end of this process: at once on a signal before it serves, and in time whatever its threads do afterwards.

    import, bind, load     SIGTERM, SIGINT: the clean-ups, then the signal's own end
    served                 `end_process`: the clean-ups, then the end, without a wait for threads that still work
    not ended in time      `EndTimer`: the same in a thread of its own
    even that is stuck     faulthandler's timer, which needs neither a free thread nor the interpreter's lock

Python's own exit joins the threads of every pool: one that reads from a hung disk would keep the process for ever.
Imported before everything else, so this needs only the standard library.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import NoReturn

LAST_RESORT_SECONDS = 0.3  # after the end's time: the clean-ups or the log are stuck
IDLE_FUNCTIONS = frozenset({"_worker", "_wait", "get", "wait"})  # where threads wait for work

logger = logging.getLogger(__name__)

_clean_ups: list[Callable[[], object]] = []


def on_end(clean_up: Callable[[], object]) -> None:
    """Calls `clean_up` at an end that the exit handlers do not see. It must do no harm if it is called twice."""
    _clean_ups.append(clean_up)


def run_clean_ups() -> None:
    for clean_up in reversed(_clean_ups):
        with suppress(Exception):
            clean_up()


def end_on_signals(*, interrupt: bool) -> None:
    """Until the service handles signals itself. A process without a handler ignores SIGTERM as PID 1 of a container."""
    signal.signal(signal.SIGTERM, end_at_once)
    if interrupt:  # else Python raises KeyboardInterrupt
        signal.signal(signal.SIGINT, end_at_once)


def end_at_once(signum: int, frame: FrameType | None = None) -> None:
    run_clean_ups()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)  # so that a shell or a supervisor sees the signal
    os._exit(exit_status(signum))  # PID 1: such a signal does not end it


def exit_status(signum: int) -> int:
    """As shells report the end by a signal: 143 for SIGTERM, 130 for SIGINT."""
    return 128 + signum


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


def open_standard_streams() -> None:
    """Opens what the caller has closed (`serve 2>&-`). The next connection would take its place, and get the log."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
