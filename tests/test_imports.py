"""Who may import whom: the contracts of pyproject.toml, and that they have teeth."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LINT_IMPORTS), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code of the project, to spoil."""
    for name in ("app", "training"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_modules_import_in_one_direction() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("app/errors.py", "from app.preprocessing import ink"),
        ("app/preprocessing/ink.py", "from app.http import auth"),
        ("app/segmentation/layout.py", "import app.inference.batcher"),
        ("app/main.py", "import training"),
        ("training/config.py", "from training.synthesis import augment"),
        ("training/datasets/mnist.py", "import app.main"),
        ("training/evaluation/metrics.py", "from training.synthesis import glyphs"),
        ("training/networks/train.py", "import matplotlib"),
    ],
)
def test_an_import_that_points_up_is_found(copy: Path, module: str, line: str) -> None:
    source = copy / module
    source.write_text(f"{source.read_text()}\n{line}\n")
    linted = lint_imports(copy)
    assert linted.returncode == 1, linted.stdout
    assert "BROKEN" in linted.stdout
