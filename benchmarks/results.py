"""What was measured, and what is made of it: medians, spread and ratios."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scenario import Scenario
from benchmarks.wrk import Timing


@dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass
class Row:
    """One server in one scenario with so many clients: a timing for each round, or why there is none."""

    scenario: str
    clients: int
    label: str
    unit: str
    images: int
    limit: bool = False
    ours: bool = False
    setup: str = ""
    accuracy: float | None = None
    refused: str = ""
    timings: list[Timing] = field(default_factory=list)

    def spread(self, of: str) -> Spread:
        return Spread.of(self.values(of))

    def values(self, of: str) -> list[float]:
        """Of each round; per second in images."""
        times = self.images if of == "per_second" else 1
        return [getattr(each, of) * times for each in self.timings]

    @property
    def errors(self) -> int:
        return sum(each.failed for each in self.timings)


@dataclass
class Results:
    machine: dict[str, Any]
    rounds: int
    seconds: int
    rows: list[Row] = field(default_factory=list)

    def of(self, scenario: Scenario, clients: int) -> list[Row]:
        return [row for row in self.rows if (row.scenario, row.clients) == (scenario.name, clients)]

    def ratios(self, scenario: Scenario, row: Row) -> dict[str, Spread]:
        """Ours to it, round by round: what disturbs a whole round disturbs no ratio. By our entries' labels.

        Of a time it is the other way round: how many times our first entry's.
        """
        ours = [each for each in self.of(scenario, row.clients) if each.ours and each.timings]
        if not row.timings:
            return {}
        if scenario.by != "per_second":
            return {each.label: divided(row, each, scenario.by) for each in ours[:1]}
        return {each.label: divided(each, row, scenario.by) for each in ours}

    def save(self, file: Path, scenarios: dict[str, Scenario]) -> None:
        """As results.json: every round, and what the table says."""
        rows = []
        for row in self.rows:
            shown: dict[str, Any] = asdict(row)
            if row.timings:
                shown |= {of: asdict(row.spread(of)) for of in ("per_second", "p50_ms", "p99_ms")}
                ratios = self.ratios(scenarios[row.scenario], row)
                shown["ours_to_it"] = {label: asdict(each) for label, each in ratios.items()}
            rows.append(shown)
        content = {"machine": self.machine, "rounds": self.rounds, "seconds": self.seconds, "rows": rows}
        file.write_text(json.dumps(content, indent=1) + "\n")


def divided(above: Row, below: Row, by: str) -> Spread:
    """Without the rounds in which one of them was silent, which are counted as errors."""
    pairs = zip(above.values(by), below.values(by), strict=True)
    return Spread.of([one / other for one, other in pairs if one and other] or [0.0])
