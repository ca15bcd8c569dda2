"""A process and its descendants, read from /proc."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
POLL_INTERVAL = 0.05  # seconds


def live_parents() -> dict[int, int]:
    """The parent's id of each process, by process id; zombies are left out."""
    parents = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name is in brackets and may contain brackets itself: only what follows the last one is parsed.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents[int(folder.name)] = int(parent)
    return parents


def process_tree(root: int) -> list[int]:
    """The ids of the process and its descendants, parents before their children; empty if it has ended."""
    parents = live_parents()
    children: dict[int, list[int]] = {}
    for process, parent in parents.items():
        children.setdefault(parent, []).append(process)
    tree = [root] if root in parents else []
    for process in tree:
        tree += children.get(process, [])
    return tree


def send_signal(processes: Iterable[int], number: signal.Signals) -> None:
    """Processes that have ended are skipped."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def wait_until_ended(processes: Iterable[int], seconds: float) -> bool:
    """Whether all of them end within `seconds`."""
    awaited = set(processes)
    deadline = time.monotonic() + seconds
    while awaited & live_parents().keys():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return True
