"""The machine, the commit and the versions that were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import environments, wrk
from benchmarks.peer import ROOT, InferenceLoop, Peer

BUSY_LOAD = 0.5  # load average of one minute; above it, other processes slow down what is measured


def describe(peers: dict[str, Peer | InferenceLoop]) -> dict[str, Any]:
    """The member `machine` of results.json. Installs the peers whose environments are missing.

    Raises `NotComparable` if that fails.
    """
    versions = {name: environments.package_versions(peer) for name, peer in peers.items()}
    load = round(os.getloadavg()[0], 2)
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())}, {platform.release()}",
        "python": platform.python_version(),
        "load_generator": wrk.version(),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load_before": load,
        "versions": versions,
        "busy": load > BUSY_LOAD,
    }


def cpu() -> str:
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    family = ", ".join(f"{name} {fields[name]}" for name in ("cpu family", "model") if name in fields)
    return f"{fields.get('model name', platform.machine())} ({family})"


def commit() -> str:
    """The abbreviated commit of this service, with `-dirty` if tracked files differ; `unknown` outside of git."""
    completed = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return completed.stdout.strip() or "unknown"
