"""Copies of a committed version, in a models folder that a test may change."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from app.repository.manifest import INT8_FILE, MANIFEST_FILE
from app.repository.version_folders import newest_version


def copy_versions(models: Path, root: Path) -> Path:
    """Writes versions 1, 2 and 10 of digits-mlp with the same graph under `root`."""
    shutil.copytree(newest_version(models, "digits-mlp"), root / "digits-mlp/1")
    edit_manifest(root / "digits-mlp/1", version=1)
    for version in (2, 10):
        add_version(root, version)
    return root


def add_version(root: Path, version: int) -> Path:
    """A copy of version 1 as another version."""
    folder = root / "digits-mlp" / str(version)
    shutil.copytree(root / "digits-mlp/1", folder)
    edit_manifest(folder, version=version)
    return folder


def edit_manifest(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, **changes}))


def add_int8(folder: Path, graph: bytes) -> Path:
    """Writes the graph as the version's int8 graph, which it need not be. Returns the folder."""
    (folder / INT8_FILE).write_bytes(graph)
    described = {
        "sha256": hashlib.sha256(graph).hexdigest(),
        "bytes": len(graph),
        "calibration": "none",
        "metrics": [],
        "agreement": {"data": "none", "equal_share": 1, "max_abs_difference": 0},
    }
    edit_manifest(folder, int8=described)
    return folder
