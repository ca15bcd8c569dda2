"""A process and all that came of it, as /proc tells."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def parents() -> dict[int, int]:
    """Of each process that lives, its parent."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name in brackets may hold anything, a bracket too: what follows the last one is well formed.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    found[int(folder.name)] = int(parent)
    return found


def tree(root: int) -> list[int]:
    """The process and its descendants, parents before their children."""
    alive = parents()
    children: dict[int, list[int]] = {}
    for process, parent in alive.items():
        children.setdefault(parent, []).append(process)
    found = [root] if root in alive else []
    for process in found:
        found += children.get(process, [])
    return found


def tell(processes: Iterable[int], sign: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, sign)


def gone(processes: Iterable[int], seconds: float) -> bool:
    """Whether they all end within that time."""
    wanted = set(processes)
    deadline = time.monotonic() + seconds
    while wanted & parents().keys():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
