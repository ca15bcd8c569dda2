"""The share of lines that are read exactly, on photographed sheets of many kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.orientation import PageReader
from training.evaluation.metrics import wilson_interval
from training.evaluation.robustness import MAX_PIXELS
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

MAX_DIGITS = 256  # on a page: the service's default


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


class Tally(NamedTuple):
    """Lines of several sheets."""

    total: int = 0
    right: int = 0  # read exactly
    accepted: int = 0  # of those
    wrong_accepted: int = 0

    def plus(self, sheet: Sheet, read: Sequence[ReadLine], threshold: float) -> Tally:
        """Each line of the reading counts for one of the sheet's."""
        true, right, accepted, wrong_accepted = list(sheet.lines), 0, 0, 0
        for line in read:
            is_accepted = line.is_accepted(threshold)
            if line.text in true:
                true.remove(line.text)
                right, accepted = right + 1, accepted + is_accepted
            else:
                wrong_accepted += is_accepted
        counts = (len(sheet.lines), right, accepted, wrong_accepted)
        return Tally(*(one + other for one, other in zip(self, counts, strict=True)))


def read_sheet(content: bytes, model: Model) -> Sequence[ReadLine]:
    """As `POST /read` does."""
    reader = PageReader(open_picture(content, MAX_PIXELS), MAX_DIGITS)
    while document := reader.segment():
        reader.add(document.decode(model.run(document.images)))
    return reader.page.lines


def evaluate_sheets(model: Model, threshold: float, sheets: int, seed: int) -> Iterator[str]:
    """A line of text for each kind: the share of lines that are read exactly, with its 95 % confidence interval."""
    for index, (name, kind) in enumerate(KINDS.items()):
        tally = Tally()
        for number_of_sheet in range(sheets):
            sheet = make_sheet(kind, (seed, index, number_of_sheet))
            tally = tally.plus(sheet, read_sheet(sheet.content, model), threshold)
        low, high = wilson_interval(tally.right, tally.total)
        shares = f"{tally.right / tally.total:6.1%}  ({low:.1%} to {high:.1%}) of {tally.total}"
        yield f"{kind.group:7}  {name:18}  {shares}; accepted {tally.accepted}, wrong {tally.wrong_accepted}"
