from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.picture import draw
from benchmarks.results import Results, Row
from benchmarks.scenario import SCENARIOS
from benchmarks.wrk import Timing, parse

PNG = SCENARIOS["png"]
MACHINE = {"cpu": "A", "cores": 2, "memory_gb": 8, "system": "S", "python": "3", "load_generator": "wrk"}
MACHINE |= {"commit": "c", "date": "today", "load_before": 0.1, "busy": False, "versions": {"it": {"it": "1.0"}}}


def timing(requests: int, failed: int = 0) -> Timing:
    return Timing(requests, 1.0, 2.0, 3.0, 4.0, {"status": failed})


@pytest.fixture
def results() -> Results:
    ours = Row("png", 1, "digits", "requests/s", 1, ours=True, timings=[timing(100), timing(400), timing(300)])
    other = Row("png", 1, "it", "requests/s", 1, timings=[timing(50), timing(100), timing(300, failed=7)])
    out = Row("png", 1, "out", "requests/s", 1, refused="it reads only 10.0% of 256 digits")
    return Results(MACHINE, 3, 1, [out, other, ours])


def test_ratios_are_made_within_rounds(results: Results) -> None:
    ratio = results.ratios(PNG, results.rows[1])["digits"]
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 1.0, 4.0)


def test_table_shows_medians_spread_errors_and_who_is_left_out(results: Results) -> None:
    lines = table.markdown(results, [PNG]).splitlines()[2:5]
    assert lines[0].startswith("| One PNG of 28 x 28 | 1 | **digits** | 300 requests/s (100 to 400) |")
    assert lines[1] == "| One PNG of 28 x 28 | 1 | it | 100 requests/s (50 to 300) | 2.00 | 2 | 4 | 7 |"
    assert "left out: it reads only 10.0% of 256 digits" in lines[2]


def test_images_of_a_request_are_counted() -> None:
    assert Row("json", 8, "it", "images/s", 64, timings=[timing(10)]).spread("per_second").median == 640


def test_results_are_saved_with_every_round_and_drawn(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json", SCENARIOS)
    saved = json.loads((tmp_path / "results.json").read_text())
    assert saved["rows"][1]["ours_to_it"]["digits"]["median"] == 2.0
    assert len(saved["rows"][2]["timings"]) == 3
    draw(results, [PNG], tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 1000


def test_answers_that_are_errors_are_no_requests() -> None:
    errors = {"status": 30, "connect": 0, "read": 2, "write": 0, "timeout": 0}
    said = {"requests": 100, "seconds": 2.0, "p50_ms": 1.0, "p90_ms": 1.0, "p99_ms": 1.0, "errors": errors}
    parsed = parse("Running 2s test\n" + json.dumps(said) + "\n")
    assert (parsed.per_second, parsed.failed) == (35.0, 32)
