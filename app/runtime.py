"""What this process may use of its machine, and how it uses the libraries that decode pictures.

Importing `app` changes nothing of those libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import warnings
from pathlib import Path

from PIL import Image, _imaging


def configure_runtime() -> None:
    """Call once when a process starts that decodes pictures; a second call changes nothing."""
    Image.MAX_IMAGE_PIXELS = None  # `open_picture` has a limit of its own, checked before anything is decoded
    # What is odd about a client's file does not belong in the service's log.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    silence_libtiff()


def silence_libtiff() -> None:
    """Libtiff writes warnings and errors about a file to standard error, and Pillow has no option against that.

    Its handlers are removed through Pillow's private extension module, which is linked with it. For that reason
    pyproject.toml bounds Pillow's version, and tests/app/test_runtime.py names what is gone in a new release.
    """
    with contextlib.suppress(OSError, AttributeError):  # then libtiff writes, and everything else works
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


# --- the machine, or the part of it that the container may use --------------------------------------------------------

CGROUP = Path("/sys/fs/cgroup")  # as a container sees its own control group


@functools.cache
def usable_cores() -> int:
    """The cores that this process may use: by its affinity, and by its control group's quota, rounded up.

    `os.cpu_count` is the machine's number, also in a container that may use one core of sixty-four.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota() -> float | None:
    """Cores by the quota of the control group, version 2 or 1; None without a quota."""
    quota, _, period = read_cgroup("cpu.max").partition(" ")
    quota = quota or read_cgroup("cpu/cpu.cfs_quota_us")
    period = period or read_cgroup("cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def memory_limit() -> tuple[int, str]:
    """The bytes that this process may take, and whose limit that is: the control group's or the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**32
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = read_cgroup(name)
        if limit.isdigit() and int(limit) < machine:  # without a limit: "max", or in version 1 a huge number
            return int(limit), "control group"
    return machine, "machine"


def read_cgroup(name: str) -> str:
    """A file of the control group; empty if there is none."""
    try:
        return (CGROUP / name).read_text().strip()
    except OSError:
        return ""
