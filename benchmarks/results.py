"""The measurements and what is computed from them: medians, spread and ratios; results.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scenario import Scenario
from benchmarks.wrk import Timing

SHOWN_METRICS = ("per_second", "p50_ms", "p99_ms")  # attributes of `Timing`
MEMBERS = {"upper_bound": "limit", "exclusion": "refused"}  # fields of `Row` with another name in results.json


@dataclass(frozen=True)
class Spread:
    """The median, lowest and highest value of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass
class Row:
    """One server in one scenario with one number of clients: a timing for each round, or why there is none."""

    scenario: str
    clients: int
    label: str
    unit: str  # of the rate: requests/s or images/s
    images: int  # of one request
    upper_bound: bool = False  # no competitor: what no server of its kind can exceed
    ours: bool = False
    setup: str = ""
    accuracy: float | None = None  # 0 to 1; None where the responses name no digit
    exclusion: str = ""  # why the server was not measured; empty if it was
    timings: list[Timing] = field(default_factory=list)

    def spread(self, metric: str) -> Spread:
        return Spread.of(self.values(metric))

    def values(self, metric: str) -> list[float]:
        """Of each round, in the row's unit if `metric` is per_second."""
        factor = self.images if metric == "per_second" else 1
        return [getattr(timing, metric) * factor for timing in self.timings]

    @property
    def errors(self) -> int:
        return sum(timing.failed for timing in self.timings)

    def members(self) -> dict[str, Any]:
        """As results.json names the fields."""
        return {MEMBERS.get(name, name): value for name, value in asdict(self).items()}


@dataclass
class Results:
    machine: dict[str, Any]  # of `machine.describe`
    rounds: int
    seconds: int  # of one measurement
    rows: list[Row] = field(default_factory=list)

    def rows_of(self, scenario: Scenario, clients: int) -> list[Row]:
        return [row for row in self.rows if (row.scenario, row.clients) == (scenario.name, clients)]

    def ratios(self, scenario: Scenario, row: Row) -> dict[str, Spread]:
        """The rate of each row of ours divided by the row's, by our row's label; for p99 the row's by our first row's.

        Divided round by round: a disturbance that slows a whole round cancels out.
        """
        ours = [own for own in self.rows_of(scenario, row.clients) if own.ours and own.timings]
        if not row.timings:
            return {}
        if scenario.metric != "per_second":
            return {own.label: ratio_of_rounds(row, own, scenario.metric) for own in ours[:1]}
        return {own.label: ratio_of_rounds(own, row, scenario.metric) for own in ours}

    def save(self, file: Path, scenarios: dict[str, Scenario]) -> None:
        """Writes results.json: every round, and the figures of the table."""
        rows = []
        for row in self.rows:
            members = row.members()
            if row.timings:
                members |= {metric: asdict(row.spread(metric)) for metric in SHOWN_METRICS}
                ratios = self.ratios(scenarios[row.scenario], row)
                members["ours_to_it"] = {label: asdict(ratio) for label, ratio in ratios.items()}
            rows.append(members)
        content = {"machine": self.machine, "rounds": self.rounds, "seconds": self.seconds, "rows": rows}
        file.write_text(json.dumps(content, indent=1) + "\n")


def ratio_of_rounds(numerator: Row, denominator: Row, metric: str) -> Spread:
    """Rounds in which one of them answered no request are left out; they count as errors. 0 if none remains."""
    pairs = zip(numerator.values(metric), denominator.values(metric), strict=True)
    return Spread.of([above / below for above, below in pairs if above and below] or [0.0])
