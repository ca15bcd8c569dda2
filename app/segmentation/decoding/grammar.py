"""What tells how likely a text is before it is looked at: where marks stand in numbers, dates, times and sums.

A slanted 1 looks like a slash, a bent one like a bracket. A slash stands in a date or a fraction, and brackets come in
pairs; a mark anywhere else is not impossible, but unlikely.
"""

from __future__ import annotations

import re

DATE = re.compile(r"(?<![\d/])(\d{1,2}/\d{1,2}/(\d{4}|\d\d)|\d{4}/\d{1,2}/\d{1,2})(?![\d/])")
FRACTION = re.compile(r"(?<![\d/])\d{1,6}/\d{1,6}(?![\d/])")  # in a longer number it is rather a one
PAIR = re.compile(r"\([^()]+\)")
MISPLACED = {
    "point not between digits": re.compile(r"(?<!\d)[.,]|[.,](?!\d)"),
    "colon not as in a time": re.compile(r"(?<!\d):|:(?!\d\d(?!\d))"),
    "per cent not after a number": re.compile(r"(?<!\d)%|%(?=\d)"),
    "sign not between numbers": re.compile(r"(?<![\d)])[+=]|[+=](?![\d(-])"),
    "minus not before a number": re.compile(r"-(?!\d)"),
    "two marks": re.compile(r"[.,:+=%/-][.,:+=%/]"),
    "space beside a mark": re.compile(r" (?=[.,:/%])|(?<=[.:/]) "),
}
STRAY_SLASH = re.compile(r"(?<!\d)/|/(?!\d)")  # rather a tick
COUNTED = ("date", "fraction", "other slash", "pair of brackets", "bracket alone", *MISPLACED)


def counts(text: str) -> list[int]:
    """How many of each of `COUNTED` are in a line's text."""
    dates = len(DATE.findall(text))
    rest = DATE.sub(" ", text)
    alone, pairs = PAIR.subn("", text)
    return [
        dates,
        len(FRACTION.findall(rest)),
        FRACTION.sub(" ", rest).count("/"),
        pairs,
        alone.count("(") + alone.count(")"),
        *(len(pattern.findall(text)) for pattern in MISPLACED.values()),
    ]
