"""The share of lines that are read exactly, on photographed sheets of many kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from app.errors import BlankPicture, TooManyDigits
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.page_reader import PageReader
from training.evaluation.metrics import expected_calibration_error, reliability_diagram, wilson_interval
from training.evaluation.pages import MAX_DIGITS
from training.evaluation.robustness import MAX_PIXELS
from training.evaluation.sheets.decorated import (
    drawn_table,
    one_ringed,
    partly_struck,
    struck,
    underlined_closely,
)
from training.evaluation.sheets.displays import dark_on_light, display, glowing
from training.evaluation.sheets.layouts import (
    STRUCK,
    TEXT,
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
    strong_grid,
    sum_of_two,
    table,
    underlined,
    words,
)
from training.evaluation.sheets.photographs import (
    RGB,
    coloured,
    cut_off,
    evenly,
    in_perspective,
    lit,
    on_desk,
    pencilled,
    stained,
    tilted,
    turned,
)

ALTERNATIVES = 5  # readings of a line


class Kind(NamedTuple):
    group: str
    draw: Callable[[Generator], Drawn]
    photograph: Callable[[RGB, Generator], RGB] = evenly
    colour: Callable[[Drawn, Generator], RGB] = coloured


KINDS = {
    "ink": Kind("plain", plain(number)),
    "squared": Kind("plain", squared),
    "pencil on ruled": Kind("plain", ruled, colour=pencilled),
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
    "struck": Kind("strokes", struck),
    "struck in part": Kind("strokes", partly_struck),
    "underlined closely": Kind("strokes", underlined_closely),
    "some ringed": Kind("strokes", one_ringed),
    "table by hand": Kind("strokes", drawn_table),
    "words": Kind("forms", words),
    "grid, perspective": Kind("grids", strong_grid, in_perspective(0.07)),
    "table, perspective": Kind("grids", table, in_perspective(0.07)),
    "stains": Kind("stains", plain(number), stained),
    "paper's edge": Kind("stains", plain(number), cut_off),
    "liquid crystal": Kind("displays", display(dots=False), colour=dark_on_light),
    "light segments": Kind("displays", display(dots=False), colour=glowing),
    "dark dots": Kind("displays", display(dots=True), colour=dark_on_light),
    "light dots": Kind("displays", display(dots=True), colour=glowing),
}


class Sheet(NamedTuple):
    content: bytes  # a JPEG file
    lines: list[str]


def make_sheet(kind: Kind, seed: Sequence[int]) -> Sheet:
    rng = np.random.default_rng(seed)
    drawn = kind.draw(rng)
    return Sheet(lit(kind.photograph(kind.colour(drawn, rng), rng), rng), drawn.lines)


# --- evaluation ------------------------------------------------------------------------------------------------------


def as_told(line: ReadLine) -> str:
    """The text of a line as `Drawn.lines` has it."""
    if all(sign.kind == "other" for sign in line.signs):
        return TEXT
    runs = itertools.groupby(line.signs, key=lambda sign: sign.struck)
    return "".join(STRUCK if is_struck else "".join(sign.text for sign in signs) for is_struck, signs in runs)


class Tally(NamedTuple):
    """Lines of several sheets, or fields of several forms."""

    total: int = 0
    right: int = 0  # read exactly
    accepted: int = 0  # of those
    wrong_accepted: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(one + more for one, more in zip(self, other, strict=True)))

    def __str__(self) -> str:
        """The share that is read exactly, with its 95 % confidence interval."""
        low, high = wilson_interval(self.right, self.total)
        shares = f"{self.right / self.total:6.1%}  ({low:.1%} to {high:.1%}) of {self.total}"
        return f"{shares}; accepted {self.accepted}, wrong {self.wrong_accepted}"


def count_lines(sheet: Sheet, read: Sequence[ReadLine], threshold: float) -> Tally:
    """Each line of the reading counts for one of the sheet's."""
    true, right, accepted, wrong_accepted = list(sheet.lines), 0, 0, 0
    for line in read:
        is_accepted = line.is_accepted(threshold)
        if (told := as_told(line)) in true:
            true.remove(told)
            right, accepted = right + 1, accepted + is_accepted
        else:
            wrong_accepted += is_accepted
    return Tally(len(sheet.lines), right, accepted, wrong_accepted)


class Certainty(NamedTuple):
    """How certain a line was, and whether it was right to be."""

    confidence: float
    is_right: bool
    is_among: bool  # whether the true text is one of the line's `ALTERNATIVES` readings


def certainties(sheet: Sheet, read: Sequence[ReadLine]) -> Iterator[Certainty]:
    """Of the lines of signs that are not struck, each compared with a line of the sheet."""
    true = list(sheet.lines)
    for line in read:
        told, texts = as_told(line), [reading.text for reading in line.alternatives]
        if told == TEXT or STRUCK in told:
            continue
        found = told if told in true else next((text for text in texts if text in true), None)
        if found is not None:
            true.remove(found)
        yield Certainty(line.confidence, told == found, found is not None)


def summarize(lines: Sequence[Certainty], wrong_accepted: int, total: int) -> str:
    confidences = np.array([line.confidence for line in lines], np.float32)
    is_right = np.array([line.is_right for line in lines])
    error = expected_calibration_error(reliability_diagram(confidences, is_right))
    among = float(np.mean([line.is_among for line in lines]))
    return (
        f"of {len(lines)} lines of signs {is_right.mean():.1%} are right, "
        f"in {among:.1%} one of {ALTERNATIVES} readings is; "
        f"mean confidence {confidences.mean():.1%}, calibration error {error:.1%}; "
        f"of all {total} lines {wrong_accepted / total:.2%} are wrong though accepted"
    )


def read_sheet(content: bytes, model: Model) -> Sequence[ReadLine]:
    """As `POST /read` does; nothing if it refuses the picture."""
    try:
        reader = PageReader(open_picture(content, MAX_PIXELS), MAX_DIGITS)
        while document := reader.segment():
            reader.add(document.decode(model.run(document.images), ALTERNATIVES))
    except (BlankPicture, TooManyDigits):
        return []
    return reader.page.lines


def evaluate_sheets(model: Model, threshold: float, sheets: int, seed: int) -> Iterator[str]:
    """A line of text for each kind, and one for all."""
    lines: list[Certainty] = []
    overall = Tally()
    for index, (name, kind) in enumerate(KINDS.items()):
        tally = Tally()
        for number_of_sheet in range(sheets):
            sheet = make_sheet(kind, (seed, index, number_of_sheet))
            read = read_sheet(sheet.content, model)
            tally = tally.plus(count_lines(sheet, read, threshold))
            lines += certainties(sheet, read)
        overall = overall.plus(tally)
        yield f"{kind.group:7}  {name:18}  {tally}"
    yield summarize(lines, overall.wrong_accepted, overall.total)
