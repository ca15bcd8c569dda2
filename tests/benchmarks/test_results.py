from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peer import ROOT
from benchmarks.results import Results, Row
from benchmarks.scenario import SCENARIOS
from benchmarks.wrk import Timing


def test_ratios_are_made_within_rounds(results: Results) -> None:
    ratio = results.ratios(SCENARIOS["png"], results.rows[1])["digits"]
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 1.0, 4.0)


def test_images_of_a_request_are_counted() -> None:
    timing = Timing(10, 1.0, 2.0, 3.0, 4.0, {})
    assert Row("json", 8, "it", "images/s", 64, timings=[timing]).spread("per_second").median == 640


def test_results_are_saved_with_every_round(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json", SCENARIOS)
    saved = json.loads((tmp_path / "results.json").read_text())
    assert saved["rows"][1]["ours_to_it"]["digits"]["median"] == 2.0
    assert len(saved["rows"][2]["timings"]) == 3


def test_results_have_the_members_of_the_stored_ones(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json", SCENARIOS)
    saved = json.loads((tmp_path / "results.json").read_text())
    stored = json.loads((ROOT / "benchmarks/results.json").read_text())
    assert list(saved) == list(stored)
    assert list(saved["rows"][1]) == list(stored["rows"][1])
