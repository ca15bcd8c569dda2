"""The project's files agree with each other."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVING = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = [
    requirement
    for group in PROJECT["dependency-groups"].values()
    for requirement in group
    if isinstance(requirement, str)
]
TESTED = [requirement for extra in ("train", "signing", "otel", "ray", "pdf", "heif") for requirement in EXTRAS[extra]]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def locked(name: str) -> dict[str, set[str]]:
    """The pinned versions of each package in requirements/NAME.txt."""
    pins: dict[str, set[str]] = {}
    line = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ \\;]+)", re.MULTILINE)
    for package, version in line.findall((ROOT / name).read_text()):
        pins.setdefault(package.lower(), set()).add(version)
    return pins


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements/serve.txt", SERVING + EXTRAS["pdf"]),
        ("requirements/gpu.txt", SERVING + EXTRAS["gpu"] + EXTRAS["pdf"]),
        ("requirements/cpu.txt", [name for name in SERVING + EXTRAS["pdf"] if not name.startswith("onnxruntime-gpu")]),
        ("requirements/test.txt", SERVING + TESTED + GROUPS),
    ],
)
def test_locks_hold_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    pins = locked(lock)
    for requirement in map(Requirement, wanted):
        versions = pins.get(requirement.name, set())
        assert versions, f"{requirement.name} is not in {lock}: run make lock"
        assert all(each in requirement.specifier for each in versions), f"{lock} is older than {requirement}: make lock"


def test_tests_run_with_the_locked_versions() -> None:
    pins = locked("requirements/test.txt")
    for requirement in map(Requirement, SERVING + GROUPS):
        if requirement.marker is None or requirement.marker.evaluate():
            assert metadata.version(requirement.name) in pins[requirement.name]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_have_hashes_and_name_no_index(lock: object) -> None:
    text = (ROOT / "requirements" / getattr(lock, "name", "")).read_text()
    assert "://" not in text
    assert "--hash=sha256:" in text


def test_cpu_image_has_no_cuda_in_it() -> None:
    names = locked("requirements/cpu.txt")
    assert "onnxruntime" in names
    assert not [name for name in names if name == "onnxruntime-gpu" or name.startswith("nvidia")]
