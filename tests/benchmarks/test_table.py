from __future__ import annotations

from benchmarks import table
from benchmarks.results import Results
from benchmarks.scenario import SCENARIOS


def test_table_shows_medians_spread_errors_and_who_is_left_out(results: Results) -> None:
    lines = table.to_markdown(results, [SCENARIOS["png"]]).splitlines()[2:5]
    assert lines[0].startswith("| One PNG of 28 x 28 | 1 | **digits** | 300 requests/s (100 to 400) |")
    assert lines[1] == "| One PNG of 28 x 28 | 1 | it | 100 requests/s (50 to 300) | 2.00 | 2 | 4 | 7 |"
    assert "left out: its accuracy is only 10.0% on 256 digits" in lines[2]
