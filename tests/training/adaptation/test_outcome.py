"""The table of an adaptation, and when it speaks against publishing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.adaptation.outcome import Comparison, Outcome
from training.errors import DataError

BETTER = Comparison("own pictures", 50, before=10, after=40, gained=31, lost=1)
SAME = Comparison("everybody else's", 5000, before=4980, after=4980, gained=3, lost=3)


def test_gains_and_losses_are_counted_picture_by_picture() -> None:
    before = np.array([True, True, False, False, True])
    after = np.array([True, False, True, True, True])
    assert Comparison.of("x", before, after) == Comparison("x", 5, before=3, after=4, gained=2, lost=1)


@pytest.mark.parametrize(
    ("gained", "lost", "worse"),
    [
        (0, 0, False),
        (20, 20, False),
        (0, 5, False),  # 0.1 points exactly
        (0, 6, True),
        (9, 15, False),  # 0.12 points, which chance makes easily
        (9, 30, True),
        (30, 9, False),
    ],
)
def test_others_are_worse_beyond_a_tenth_of_a_point_and_beyond_chance(gained: int, lost: int, worse: bool) -> None:
    row = Comparison("x", 5000, before=4900, after=4900 + gained - lost, gained=gained, lost=lost)
    assert row.is_worse is worse


def test_nothing_speaks_against_publishing_what_got_better() -> None:
    assert Outcome(BETTER, (SAME, SAME)).objection == ""


def test_an_objection_names_everything_that_got_worse() -> None:
    worse = Comparison("cats", 1000, before=900, after=800, gained=0, lost=100)
    own = Comparison("own pictures", 50, before=40, after=39, gained=0, lost=1)
    assert Outcome(own, (SAME, worse)).objection == "fewer are read correctly than before of: own pictures, cats"


def test_the_table_has_a_line_for_each_kind() -> None:
    title, own, others = str(Outcome(BETTER, (SAME,))).splitlines()
    assert title.split() == ["read", "correctly", "pictures", "before", "after", "changed"]
    assert own.split() == ["own", "pictures", "50", "20.00%", "80.00%", "+31", "-1"]
    assert "99.60%" in others


def test_it_is_written_and_read(tmp_path: Path) -> None:
    outcome = Outcome(BETTER, (SAME,))
    outcome.write(tmp_path)
    assert Outcome.read(tmp_path) == outcome
    (tmp_path / "adaptation.json").write_text('{"own": {}}')
    with pytest.raises(DataError, match="damaged"):
        Outcome.read(tmp_path)
