"""What responses say of a model, without knowing how models are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ModelInfo(Protocol):
    """A manifest has these."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def labels(self) -> Sequence[str]:
        """The names of the classes, by index."""

    @property
    def threshold(self) -> float:
        """The least confidence with which a digit is accepted."""
