"""Signals that come before the service handles them itself: while modules are imported, the port is bound, models load.

As PID 1, in a container, a process without a handler ignores SIGTERM. Everything before the handler counts: this module
imports next to nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

TYPE_CHECKING = False  # as in `typing`, whose import takes as long as all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_clean_ups: list[Callable[[], object]] = []


def on_end(clean_up: Callable[[], object]) -> None:
    """Calls `clean_up` at an end that the exit handlers do not see. It must do no harm if it is called twice."""
    _clean_ups.append(clean_up)


def run_clean_ups() -> None:
    for clean_up in reversed(_clean_ups):
        with suppress(Exception):  # the others must run, and there may be no log any more
            clean_up()


def end_on_signals(*, interrupt: bool) -> None:
    """Until the service handles signals itself. A process without a handler ignores SIGTERM as PID 1 of a container."""
    signal.signal(signal.SIGTERM, end_at_once)
    if interrupt:  # else Python raises KeyboardInterrupt
        signal.signal(signal.SIGINT, end_at_once)
    if hasattr(signal, "pthread_sigmask"):  # a parent may have left them blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))


def end_at_once(signum: int, frame: FrameType | None = None) -> None:
    run_clean_ups()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)  # so that a shell or a supervisor sees the signal
    os._exit(exit_status(signum))  # PID 1: such a signal does not end it


def exit_status(signum: int) -> int:
    """As shells report the end by a signal: 143 for SIGTERM, 130 for SIGINT."""
    return 128 + signum


def open_standard_streams() -> None:
    """Opens what the caller has closed (`serve 2>&-`). The next connection would take its place, and get the log."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
