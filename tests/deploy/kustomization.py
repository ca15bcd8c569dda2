"""Our kustomizations as `kubectl apply -k` makes objects of them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


@functools.cache
def rendered(folder: Path) -> list[Document]:
    """Every object that is applied to a cluster."""
    process = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False, timeout=60)
    assert process.returncode == 0, process.stderr
    assert "Warning" not in process.stderr, process.stderr  # of members that are deprecated
    return list(yaml.safe_load_all(process.stdout))
