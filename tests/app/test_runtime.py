"""The libraries that decode pictures change by one call alone; cores and memory are those of the control group."""

from __future__ import annotations

import ctypes
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image, _imaging

from app import runtime
from app.runtime import assign_cores, configure_runtime, cpu_quota, memory_limit, usable_cores
from tests.conftest import ROOT

DAMAGED_TIFF = """
import io, os
from PIL import Image
file = io.BytesIO()
Image.frombytes("L", (200, 200), os.urandom(40_000)).save(file, "TIFF", compression="tiff_lzw")
content = bytearray(file.getvalue())
content[20_000:20_100] = b"\\xff" * 100
try:
    Image.open(io.BytesIO(content)).load()
except OSError:
    print("refused")
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)


def test_an_import_changes_nothing() -> None:
    printed = run(
        "import cv2, numpy, warnings\n"
        "from PIL import Image\n"
        "before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)\n"
        "from app.preprocessing import normalize, pool\n"
        "print(before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters)))\n"
    )
    assert printed.stdout == "True\n"


@pytest.mark.parametrize(("configure", "silent"), [("", False), ("configure_runtime()", True)])
def test_libtiff_writes_to_standard_error_until_it_is_silenced(configure: str, silent: bool) -> None:
    damaged = run(f"from app.runtime import configure_runtime\n{configure}\n{DAMAGED_TIFF}")
    assert damaged.stdout == "refused\n"
    assert (damaged.stderr == "") == silent, damaged.stderr


@pytest.mark.parametrize("name", ["TIFFSetErrorHandler", "TIFFSetWarningHandler"])
def test_pillows_extension_module_gives_access_to_libtiff(name: str) -> None:
    library = ctypes.CDLL(_imaging.__file__)
    assert hasattr(library, name), f"PIL._imaging no longer gives access to {name}: silence_libtiff has no effect"


def test_pillow_has_no_limit_and_no_warnings_of_its_own() -> None:
    configure_runtime()
    assert Image.MAX_IMAGE_PIXELS is None
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn_explicit("an odd file", UserWarning, "TiffImagePlugin.py", 1, "PIL.TiffImagePlugin")
    assert caught == []


def test_a_second_call_changes_nothing() -> None:
    configure_runtime()
    once = list(warnings.filters)
    configure_runtime()
    assert list(warnings.filters) == once


# --- control groups ---------------------------------------------------------------------------------------------------

MIB = 2**20
UNLIMITED_V1 = 9223372036854771712  # as version 1 writes "no limit"


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of /sys/fs/cgroup; /proc/self/cgroup is beside it, and empty."""
    monkeypatch.setattr(runtime, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(runtime, "MEMBERSHIP", tmp_path / "membership")
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "cgroup"


def write(folder: Path, **files: object) -> None:
    """Files of a control group; `memory__max` for memory.max."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def join(cgroup: Path, *lines: str) -> None:
    (cgroup.parent / "membership").write_text("".join(f"{line}\n" for line in lines))


def test_container_of_version_2_sees_its_own_group_as_the_root(cgroup: Path) -> None:
    write(cgroup, memory__max=512 * MIB, cpu__max="150000 100000")
    join(cgroup, "0::/")
    assert memory_limit() == (512 * MIB, "control group")
    assert cpu_quota() == 1.5


def test_container_of_version_1_sees_its_own_group_as_the_root(cgroup: Path) -> None:
    """Docker with the host's namespace: the path in /proc/self/cgroup does not exist in the container."""
    write(cgroup / "memory", memory__limit_in_bytes=512 * MIB)
    write(cgroup / "cpu", cpu__cfs_quota_us=50_000, cpu__cfs_period_us=100_000)
    join(cgroup, "5:memory:/docker/3f2a", "4:cpu,cpuacct:/docker/3f2a", "1:name=systemd:/docker/3f2a")
    assert memory_limit() == (512 * MIB, "control group")
    assert cpu_quota() == 0.5


def test_systemd_unit_has_the_limits_of_its_path(cgroup: Path) -> None:
    """MemoryMax=, MemoryHigh= and CPUQuota=; the root of version 2 has no such files."""
    unit = cgroup / "system.slice/digits.service"
    write(unit, memory__max=400 * MIB, memory__high=300 * MIB, cpu__max="200000 100000")
    join(cgroup, "0::/system.slice/digits.service")
    assert memory_limit() == (300 * MIB, "control group")
    assert cpu_quota() == 2


def test_smallest_limit_of_the_groups_around_holds(cgroup: Path) -> None:
    """A pod's limit around a container without one, and a slice's around a unit."""
    pod = cgroup / "kubepods.slice/pod7"
    write(cgroup / "kubepods.slice", memory__max=4096 * MIB, cpu__max="max 100000")
    write(pod, memory__max=256 * MIB, cpu__max="25000 100000")
    write(pod / "container", memory__max="max", memory__high="max", cpu__max="max 100000")
    join(cgroup, "0::/kubepods.slice/pod7/container")
    assert memory_limit() == (256 * MIB, "control group")
    assert cpu_quota() == 0.25


def test_nested_group_of_version_1_is_found_by_its_path(cgroup: Path) -> None:
    write(cgroup / "memory", memory__limit_in_bytes=UNLIMITED_V1)
    write(cgroup / "memory/user.slice/job", memory__limit_in_bytes=128 * MIB)
    write(cgroup / "cpu/user.slice/job", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    join(cgroup, "4:memory:/user.slice/job", "3:cpu,cpuacct:/user.slice/job", "0::/user.slice/job")
    assert memory_limit() == (128 * MIB, "control group")
    assert cpu_quota() == math.inf


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({}, "/"),
        ({"memory__max": "max", "cpu__max": "max 100000"}, "/"),
        ({"memory__max": UNLIMITED_V1, "cpu__max": "-1 100000"}, "/"),
        ({"memory__max": "", "cpu__max": ""}, "/"),
        ({}, "/../../outside"),
        ({}, "/a:b/c"),
    ],
)
def test_without_a_limit_the_machine_is_the_limit(cgroup: Path, files: dict[str, object], path: str) -> None:
    write(cgroup, **files)
    write(cgroup.parent.parent / "outside", memory__max=1)
    join(cgroup, f"0::{path}")
    assert memory_limit()[1] == "machine"
    assert cpu_quota() == math.inf


def test_cores_are_those_of_the_quota_rounded_up_and_one_at_least(cgroup: Path) -> None:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for quota, cores in (("1000 100000", 1), ("100001 100000", min(2, usable or 1)), ("max 100000", usable)):
        write(cgroup, cpu__max=quota)
        assert usable_cores.__wrapped__() == cores


def test_scheduler_may_assign_fewer_cores_than_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_assigned", math.inf)
    try:
        assign_cores(1)
        assert usable_cores() == 1
        assign_cores(10_000)
        assert usable_cores() == usable_cores.__wrapped__() < 10_000
    finally:
        monkeypatch.undo()
        usable_cores.cache_clear()
