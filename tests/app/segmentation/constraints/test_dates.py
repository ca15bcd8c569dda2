"""Dates against the calendar of the standard library."""

from __future__ import annotations

import datetime as dt

import pytest

from app.segmentation.constraints.automaton import Automaton, accepts_text
from app.segmentation.constraints.dates import date_automaton


@pytest.fixture(scope="module")
def automaton() -> Automaton:
    return date_automaton()


def exists(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("year", [1000, 1900, 2000, 2023, 2024, 2100, 2400, 2999])
def test_days_are_those_of_the_calendar(automaton: Automaton, year: int) -> None:
    for month in range(14):
        for day in range(34):
            found = exists(year, month, day)
            assert accepts_text(automaton, f"{day:02}/{month:02}/{year}") == found
            assert accepts_text(automaton, f"{day}.{month}.{year}") == found
            assert accepts_text(automaton, f"{year}-{month:02}-{day:02}") == found


def test_every_leap_day_is_known(automaton: Automaton) -> None:
    for year in range(1000, 3000):
        assert accepts_text(automaton, f"29/02/{year}") == exists(year, 2, 29)


@pytest.mark.parametrize("text", ["24122026", "20261224", "24 12 2026", "24/12/26", "241226", "29.2.00", "1.1.99"])
def test_marks_may_be_missing_and_the_year_short(automaton: Automaton, text: str) -> None:
    assert accepts_text(automaton, text)


@pytest.mark.parametrize(
    "text", ["", "24/12", "24/12-2026", "24:12:2026", "12/24/2026", "24/12/3026", "24/12/226", "111999", "29.2.23"]
)
def test_what_is_no_date_is_not_accepted(automaton: Automaton, text: str) -> None:
    assert not accepts_text(automaton, text)
