"""Where results come from: the commit of the code, its date, and the kind of machine that makes the same bytes."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The extensions by which oneDNN, Eigen and ONNX Runtime choose their kernels: sums are rounded differently by each.
VECTOR_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "asimddp", "bf16", "sve")


def commit() -> str | None:
    """The git commit of the code, with `-dirty` if files differ from it; None where the code is in no repository."""
    if git("rev-parse", "--show-toplevel") != str(ROOT.resolve()):  # not one that merely contains an environment
        return None
    return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def creation_date() -> str:
    """ISO 8601, UTC: `SOURCE_DATE_EPOCH` if it is set, else the commit's date, so that it is the same again.

    Without both, the present time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or (git("log", "-1", "--format=%ct") if commit() else None)
    date = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return date.isoformat(timespec="seconds")


def machine_kind() -> str:
    """The processor's architecture, its vector extensions, and how many cores this process may use.

    Training adds numbers up in an order that depends on all of these.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return " ".join([platform.machine(), *vector_extensions(), f"{cores} cores"])


def vector_extensions() -> list[str]:
    """Those that Linux names; other systems do not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    named = set(line[1].split()) if line else set()
    return [name for name in VECTOR_EXTENSIONS if name in named]


def git(*arguments: str) -> str | None:
    """What git prints about the code; None if it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
