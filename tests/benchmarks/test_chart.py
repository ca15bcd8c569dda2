from __future__ import annotations

from pathlib import Path

from benchmarks import chart
from benchmarks.results import Results
from benchmarks.scenario import SCENARIOS


def test_results_are_drawn(results: Results, tmp_path: Path) -> None:
    chart.draw(results, [SCENARIOS["png"]], tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 1000
