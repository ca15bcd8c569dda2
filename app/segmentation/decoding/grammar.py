"""How likely a text is before it is looked at: where marks stand in numbers, dates, times and sums.

A slanted 1 looks like a slash, a bent one like a bracket. A slash stands in a date or a fraction, and brackets come in
pairs; a mark anywhere else is not impossible, but unlikely.
"""

from __future__ import annotations

import re

# In natural logarithms, for each time that the pattern is found.
DATE = re.compile(r"(?<![\d/])(\d{1,2}/\d{1,2}/(\d{4}|\d\d)|\d{4}/\d{1,2}/\d{1,2})(?![\d/])")
DATE_PRIOR = 5.0  # two slashes where a date has them are no accident
FRACTION = re.compile(r"(?<![\d/])\d+/\d+(?![\d/])")
FRACTION_PRIOR = -3.0
SLASH_PRIOR = -5.0  # of any other
PAIR = re.compile(r"\([^()]+\)")
BRACKET_PRIOR = -4.0  # of one without the other
MISPLACED = [
    (re.compile(r"(?<!\d)[.,]|[.,](?!\d)"), -1.0),  # not between digits
    (re.compile(r"(?<!\d):|:(?!\d\d(?!\d))"), -1.0),  # not as in a time
    (re.compile(r"(?<!\d)%|%(?=\d)"), -4.0),
    (re.compile(r"(?<![\d)])[+=]|[+=](?![\d(-])"), -2.0),
    (re.compile(r"-(?!\d)"), -2.0),
    (re.compile(r"[.,:+=%/-][.,:+=%/]"), -2.0),
    (re.compile(r" "), -0.5),
]


def log_prior(text: str) -> float:
    """Of a line's text, up to a constant."""
    dates = len(DATE.findall(text))
    rest = DATE.sub(" ", text)
    fractions = len(FRACTION.findall(rest))
    other = FRACTION.sub(" ", rest).count("/")
    unpaired = sum(PAIR.sub("", text).count(bracket) for bracket in "()")
    misplaced = sum(prior * len(pattern.findall(text)) for pattern, prior in MISPLACED)
    slashes = DATE_PRIOR * dates + FRACTION_PRIOR * fractions + SLASH_PRIOR * other
    return slashes + BRACKET_PRIOR * unpaired + misplaced
