"""The share of lines that are read exactly, on photographed sheets of many kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from training.evaluation.metrics import wilson_interval
from training.evaluation.sheets.layouts import (
    Drawn,
    boxed,
    clock_time,
    date,
    decimal,
    grouped,
    heading,
    in_brackets,
    many_ones,
    negative,
    number,
    percentage,
    plain,
    ringed,
    ruled,
    squared,
    sum_of_two,
    table,
    underlined,
)
from training.evaluation.sheets.photographs import RGB, coloured, evenly, lit, on_desk, tilted, turned

ReadSheet = Callable[[bytes], list[str]]  # a file -> the text of each line


class Kind(NamedTuple):
    group: str
    draw: Callable[[Generator], Drawn]
    photograph: Callable[[RGB, Generator], RGB] = evenly
    pencil: bool = False


KINDS = {
    "ink": Kind("plain", plain(number)),
    "squared": Kind("plain", squared),
    "pencil on ruled": Kind("plain", ruled, pencil=True),
    "tilted": Kind("plain", plain(number), tilted),
    "many ones": Kind("plain", plain(many_ones)),
    "boxes": Kind("forms", boxed),
    "table": Kind("forms", table),
    "heading": Kind("forms", heading),
    "ringed": Kind("forms", ringed),
    "underlined": Kind("forms", underlined),
    "desk, straight": Kind("desks", plain(number), on_desk(0, 0)),
    "desk, tilted": Kind("desks", plain(number), on_desk(12, 0)),
    "desk, perspective": Kind("desks", plain(number), on_desk(6, 0.06)),
    "desk, ruled": Kind("desks", ruled, on_desk(6, 0.03)),
    "turned by 90": Kind("turned", plain(number), turned(1)),
    "turned by 180": Kind("turned", plain(number), turned(2)),
    "turned by 270": Kind("turned", plain(number), turned(3)),
    "decimal points": Kind("marks", plain(decimal("."))),
    "decimal commas": Kind("marks", plain(decimal(","))),
    "dates": Kind("marks", plain(date)),
    "negative": Kind("marks", plain(negative)),
    "times": Kind("marks", plain(clock_time)),
    "grouped": Kind("marks", plain(grouped)),
    "brackets": Kind("marks", plain(in_brackets)),
    "sums": Kind("marks", plain(sum_of_two)),
    "percentages": Kind("marks", plain(percentage)),
}


class Sheet(NamedTuple):
    content: bytes  # a JPEG file
    lines: list[str]


def make_sheet(kind: Kind, seed: Sequence[int]) -> Sheet:
    rng = np.random.default_rng(seed)
    drawn = kind.draw(rng)
    return Sheet(lit(kind.photograph(coloured(drawn, rng, pencil=kind.pencil), rng), rng), drawn.lines)


# --- evaluation ------------------------------------------------------------------------------------------------------


def right_lines(read: list[str], true: list[str]) -> int:
    """How many of the true lines were read, each line of the reading used once."""
    left = list(read)
    found = 0
    for line in true:
        if line in left:
            left.remove(line)
            found += 1
    return found


def evaluate_sheets(read: ReadSheet, sheets: int, seed: int) -> Iterator[str]:
    """A line of text for each kind: the share of lines that are read exactly, with its 95 % confidence interval."""
    for index, (name, kind) in enumerate(KINDS.items()):
        right = total = 0
        for number_of_sheet in range(sheets):
            sheet = make_sheet(kind, (seed, index, number_of_sheet))
            right += right_lines(read(sheet.content), sheet.lines)
            total += len(sheet.lines)
        low, high = wilson_interval(right, total)
        yield f"{kind.group:7}  {name:18}  {right / total:6.1%}  ({low:.1%} to {high:.1%}) of {total} lines"
