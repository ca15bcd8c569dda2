"""Where it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import install, wrk
from benchmarks.peer import ROOT, Loop, Peer

BUSY = 0.5  # runnable processes, on average: more than that, and others take from what is measured


def describe(peers: dict[str, Peer | Loop]) -> dict[str, Any]:
    """The machine, and the versions of each peer; installs those that are not there yet."""
    found = {name: versions(peer) for name, peer in peers.items()}
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())}, {platform.release()}",
        "python": platform.python_version(),
        "load_generator": wrk.version(),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": found,
    }


def versions(peer: Peer | Loop) -> dict[str, str]:
    return install.versions_of(peer, install.python_of(peer))


def cpu() -> str:
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    family = ", ".join(f"{name} {fields[name]}" for name in ("cpu family", "model") if name in fields)
    return f"{fields.get('model name', platform.machine())} ({family})"


def commit() -> str:
    """Of the service that was measured; marked where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
