"""A models folder that a test may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.model_versions import copy_versions


@pytest.fixture
def copied_models(models: Path, tmp_path: Path) -> Path:
    """Versions 1, 2 and 10 of digits-mlp."""
    return copy_versions(models, tmp_path)
