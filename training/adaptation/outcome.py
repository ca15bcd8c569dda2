"""What an adaptation changed, picture by picture: on the user's own pictures and on everybody else's.

The own pictures are cross-validated: each is read by a network that did not learn from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from training.errors import DataError
from training.evaluation.metrics import Correct, paired_test
from training.runs import read_json, write_json

ADAPTATION_FILE = "adaptation.json"
TOLERANCE = 0.001  # what everybody else may lose: 0.1 points, or what chance may make


@dataclass(frozen=True)
class Comparison:
    """How many pictures of one kind are read correctly, before and after."""

    data: str
    n: int
    before: int
    after: int
    gained: int  # wrong before, right after
    lost: int  # right before, wrong after

    @classmethod
    def of(cls, data: str, before: Correct, after: Correct) -> Self:
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        return cls(data, len(before), int(before.sum()), int(after.sum()), gained, lost)

    @property
    def is_worse(self) -> bool:
        """By more than the tolerance, and not by chance."""
        return self.lost - self.gained > TOLERANCE * self.n and paired_test(self.lost, self.gained).significant

    def __str__(self) -> str:
        changed = f"+{self.gained} -{self.lost}"
        return f"{self.data:34} {self.n:8,} {self.before / self.n:9.2%} {self.after / self.n:9.2%} {changed:>12}"


@dataclass(frozen=True)
class Outcome:
    """The table of an adaptation."""

    own: Comparison
    others: tuple[Comparison, ...]

    @property
    def objection(self) -> str:
        """Why it should not be published; empty if nothing got worse."""
        worse = [row.data for row in self.others if row.is_worse]
        if self.own.after < self.own.before:
            worse.insert(0, self.own.data)
        return f"fewer are read correctly than before of: {', '.join(worse)}" if worse else ""

    def __str__(self) -> str:
        title = f"{'read correctly':34} {'pictures':>8} {'before':>9} {'after':>9} {'changed':>12}"
        return "\n".join([title, *map(str, (self.own, *self.others))])

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def write(self, run: Path) -> None:
        write_json(run / ADAPTATION_FILE, self.to_dict())

    @classmethod
    def read(cls, run: Path) -> Self:
        """Raises `DataError`."""
        values = read_json(run / ADAPTATION_FILE)
        try:
            return cls(Comparison(**values["own"]), tuple(Comparison(**row) for row in values["others"]))
        except (KeyError, TypeError) as error:
            raise DataError(f"{run / ADAPTATION_FILE} is damaged: continue the run with train --resume") from error
