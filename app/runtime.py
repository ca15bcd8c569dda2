"""What this process may use of its machine, and how it uses the libraries that decode pictures.

Importing `app` changes nothing of those libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
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
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    import cv2  # here: a supervisor, which decodes nothing, saves its memory

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
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


# --- the machine, or the part of it that the process may use ---------------------------------------------------------

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
MEMORY_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")  # the last one of version 1
_assigned = math.inf  # cores, by `assign_cores`


@functools.cache
def usable_cores() -> int:
    """The cores that this process may use: by its affinity, and by its control group's quota, rounded up.

    `os.cpu_count` is the machine's number, also in a container that may use one core of sixty-four.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, cpu_quota(), _assigned)))


def assign_cores(count: int) -> None:
    """At most so many from now on: a scheduler such as Ray hands out cores without a quota. Call it before the imports
    of modules that start threads.
    """
    global _assigned  # noqa: PLW0603  # of the process, as an affinity is
    _assigned = count
    usable_cores.cache_clear()


def cpu_quota() -> float:
    """Cores by the smallest quota of the control groups; infinity without a quota."""
    return min(map(quota_of, cgroup_folders("cpu")), default=math.inf)


def quota_of(folder: Path) -> float:
    quota, _, period = read(folder / "cpu.max").partition(" ")
    quota = quota or read(folder / "cpu.cfs_quota_us")
    period = period or read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else math.inf


def memory_limit() -> tuple[int, str]:
    """The bytes that this process may take, and whose limit that is: the control group's or the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**32
    texts = [read(folder / name) for folder in cgroup_folders("memory") for name in MEMORY_LIMITS]
    limit = min((int(text) for text in texts if text.isdigit()), default=machine)
    # Without a limit the file holds "max" or, in version 1, a huge number.
    return (limit, "control group") if limit < machine else (machine, "machine")


def resident_bytes() -> int:
    """The physical memory that this process takes now; 0 on systems without /proc."""
    pages = read(Path("/proc/self/statm")).split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def cgroup_folders(controller: str) -> list[Path]:
    """The folders of this process's control group, version 2 and 1, and of the groups around it: their limits hold too.

    A container sees its own group as the root. A systemd unit, or a container in its host's namespace, does not: its
    path is in /proc/self/cgroup. Source: cgroups(7).
    """
    folders = [CGROUP, CGROUP / controller]
    for line in read(MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        if ".." in path or (controllers and controller not in controllers.split(",")):
            continue
        root = CGROUP / controller if controllers else CGROUP
        group = root / path.strip("/")
        folders += [folder for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return folders


def read(file: Path) -> str:
    """Empty if it cannot be read."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
