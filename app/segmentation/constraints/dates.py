"""Dates that exist in the calendar (Gregorian), as one pattern.

Day, month and year, or year, month and day; between them the same point, slash or minus, or nothing. A day or a month
below 10 may lack its 0 if there are marks. The year has four digits, from 1000 to 2999; after a month two are enough.
"""

from __future__ import annotations

import functools

from app.segmentation.constraints.automaton import Automaton, without_spaces
from app.segmentation.constraints.pattern import compile_pattern

SEPARATORS = ("/", r"\.", "-", "")
YEAR = r"[12]\d{3}"
SHORT_YEAR = r"\d\d"
LEAP_OF_CENTURY = "0[48]|[2468][048]|[13579][26]"  # the years that end in 00 apart
LEAP_YEAR = rf"([12]\d({LEAP_OF_CENTURY})|(12|16|20|24|28)00)"
SHORT_LEAP_YEAR = f"(00|{LEAP_OF_CENTURY})"
# (days, months) that exist in every year; {0} is the first digit of a number below 10
EVERY_YEAR = (
    ("({0}[1-9]|1[0-9]|2[0-8])", "({0}[1-9]|1[0-2])"),
    ("(29|30)", "({0}[13456789]|1[0-2])"),
    ("31", "({0}[13578]|1[02])"),
)
LEAP_DAY = ("29", "{0}2")
MAX_LENGTH = 2000  # characters of the pattern
MAX_POSITIONS = 2000
MAX_STATES = 1000


@functools.cache
def date_automaton() -> Automaton:
    pattern = "|".join(pattern_of(separator) for separator in SEPARATORS)
    return without_spaces(compile_pattern(pattern, MAX_LENGTH, MAX_POSITIONS, MAX_STATES))


def pattern_of(separator: str) -> str:
    zero = "0?" if separator else "0"
    forms = [(YEAR, SHORT_YEAR, days_and_months) for days_and_months in EVERY_YEAR]
    forms.append((LEAP_YEAR, SHORT_LEAP_YEAR, LEAP_DAY))
    written = []
    for year, short_year, (days, months) in forms:
        day, month = days.format(zero), months.format(zero)
        written += [separator.join((day, month, f"({year}|{short_year})")), separator.join((year, month, day))]
    return "|".join(written)
