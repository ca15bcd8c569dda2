"""What several commands do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.inference.session import Model


def load_version(version: Path) -> tuple[Model, float]:
    """A published model on the CPU, and its threshold."""
    from app.inference.session import Model
    from app.repository.manifest import read_version

    manifest, graphs = read_version(version)
    return Model(graphs.float32, device="cpu"), manifest.threshold


def print_lines(title: str, lines: Iterable[str]) -> None:
    """Each as soon as it is known."""
    print(title)
    for line in lines:
        print(line, flush=True)
