"""What tells how likely a text is before it is looked at: where marks stand in numbers, dates, times and sums.

A slanted 1 looks like a slash, a bent one like a bracket. A slash stands in a date or a fraction, and brackets come in
pairs; a mark anywhere else is not impossible, but unlikely. Lines of a numbered list begin with "1." or "1)", and a
price without cents ends with ",-".
"""

from __future__ import annotations

import re

DATE = re.compile(r"(?<![\d/])(\d{1,2}/\d{1,2}/(\d{4}|\d\d)|\d{4}/\d{1,2}/\d{1,2})(?![\d/])")
FRACTION = re.compile(r"(?<![\d/])\d{1,6}/\d{1,6}(?![\d/])")  # in a longer number it is rather a one
DATE_WITH_POINTS = re.compile(r"(?<![\d.])\d{1,2}\.\d{1,2}\.(\d{4}|\d\d)(?![\d.])")
LIST_NUMBER = re.compile(r"^\d{1,2}[.)] (?=[\d(-])")
NO_CENTS = re.compile(r"(?<=\d)[.,]-(?=$| )")
PAIR = re.compile(r"\([^()]+\)")
MISPLACED = {
    "point not between digits": re.compile(r"(?<!\d)[.,]|[.,](?!\d)"),
    "colon not as in a time or a score": re.compile(r"(?<!\d):|:(?!\d\d?(?!\d))|(?<=\d{3}):(?!\d\d)"),
    "per cent not after a number": re.compile(r"(?<!\d)%|%(?=\d)"),
    "sign not between numbers": re.compile(r"(?<![\d)])[+=]|[+=](?![\d(-])"),
    "minus not before a number": re.compile(r"-(?!\d)"),
    "two marks": re.compile(r"[.,:+=%/-][.,:+=%/]"),
    "space beside a mark": re.compile(r" (?=[.,:/%])|(?<=[.:/]) "),
}
STRAY_SLASH = re.compile(r"(?<!\d)/|/(?!\d)")  # rather a tick
COUNTED = (
    "date",
    "date with points",
    "fraction",
    "other slash",
    "pair of brackets",
    "bracket alone",
    "number in a list",
    "no cents",
    *MISPLACED,
)


def counts(text: str) -> list[int]:
    """How many of each of `COUNTED` are in a line's text."""
    text, in_list = LIST_NUMBER.subn("", text)
    text, no_cents = NO_CENTS.subn("", text)
    dates = len(DATE.findall(text))
    rest = DATE.sub(" ", text)
    alone, pairs = PAIR.subn("", text)
    return [
        dates,
        len(DATE_WITH_POINTS.findall(text)),
        len(FRACTION.findall(rest)),
        FRACTION.sub(" ", rest).count("/"),
        pairs,
        alone.count("(") + alone.count(")"),
        in_list,
        no_cents,
        *(len(pattern.findall(text)) for pattern in MISPLACED.values()),
    ]
