"""Which versions of each model are served, as TensorFlow Serving's version policy has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from app.settings import PrecisionChoice

Labels = Mapping[tuple[str, str], int]  # (model, label) -> version


class VersionPolicy(NamedTuple):
    """Without either limit: all versions."""

    max_versions: int | None = None  # the newest ones
    versions: frozenset[int] | None = None  # these ones

    @classmethod
    def parse(cls, text: str) -> Self:
        """`all`, `latest:2` or `specific:1,3`."""
        kind, _, numbers = text.partition(":")
        if kind == "latest":
            return cls(max_versions=int(numbers))
        if kind == "specific":
            return cls(versions=frozenset(map(int, numbers.split(","))))
        return cls()

    def includes(self, version: int, newer: int) -> bool:
        """Whether a version is served beside `newer` larger ones."""
        if self.max_versions is not None:
            return newer < self.max_versions
        return self.versions is None or version in self.versions


ALL_VERSIONS = VersionPolicy()


@dataclass(frozen=True)
class VersionSettings:
    policy: VersionPolicy = ALL_VERSIONS
    precision: PrecisionChoice = "auto"  # which of a version's graphs is loaded
    poll_seconds: float = 0  # between two scans for changes on disk; 0: scan only at the start
    load_timeout_s: float = 120  # for reading a version, and for loading and warming it up
    signer: Path | None = None  # the public key of who must have signed every version
    labels: Labels = field(default_factory=dict)  # before those of labels.json
