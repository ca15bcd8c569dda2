"""A picture with several digits becomes lines of digits.

segment_ink -> Document -> (the model reads `images` as one batch) -> Document.decode -> lines of digits

ink -> without decorations -> layout -> for each line: strip -> oversegmentation -> images -> lattice
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from app.arrays import Homography, Images, Ink, Probabilities
from app.errors import BlankPicture
from app.observability.request_context import check_deadline
from app.preprocessing.components import Box, bounding_box
from app.preprocessing.normalize import centre, fit
from app.segmentation import layout
from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding import lattice
from app.segmentation.decoding.decoder import read_line
from app.segmentation.decoding.marks import Mark, possible_marks
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.decoding.writing import typical_slant
from app.segmentation.decorations.undecorated import without_decorations
from app.segmentation.layout import Component
from app.segmentation.line_strip import Placement, line_strip
from app.segmentation.oversegmentation import (
    Cuts,
    Segment,
    SegmentBudget,
    Strip,
    candidate_segments,
    oversegment,
    too_many_digits,
)

SAME_PLACE: Homography = np.eye(3)
LEAST_GAP = 0.05  # heights: a smaller one may be in a digit
MAX_STRIPS = 6  # areas of the page: 30 lines that slope by 5 degrees take 2.7


class Line(NamedTuple):
    """One line, oversegmented."""

    strip: Strip
    placement: Placement
    cuts: Cuts
    segments: list[Segment]
    marks: list[list[Mark]]  # of each segment
    struck: bool = False  # whether a line strikes it through

    @classmethod
    def of(cls, strip: Strip, placement: Placement, slant: float, budget: SegmentBudget) -> Self:
        """`slant`: the hand's. Raises `TooManyDigits`."""
        check_deadline()
        cuts = oversegment(strip, budget)
        segments = candidate_segments(strip, cuts, budget)
        return cls(strip, placement, cuts, segments, possible_marks(strip, segments, slant))

    def decode(
        self, probabilities: Probabilities, alternatives: int = 1, automaton: Automaton | None = None, gap: float = 0.0
    ) -> ReadLine:
        """Its likeliest reading. `gap`: the typical one between the page's digits, in heights."""
        measured = zip(self.segments, probabilities.tolist(), self.marks, strict=True)
        candidates = [lattice.Candidate(*measures) for measures in measured]
        edges = lattice.lattice_edges(self.strip.height, self.cuts, candidates, gap)
        return read_line(edges, self.placement, alternatives, automaton)._replace(struck=self.struck)


class Document(NamedTuple):
    """All candidate segments on a picture, line by line."""

    lines: list[Line]
    images: Images  # (n, 28, 28), for the model to read: one for each segment

    def decode(
        self, probabilities: Probabilities, alternatives: int = 1, automaton: Automaton | None = None
    ) -> list[ReadLine]:
        """The lines that are not empty, given a row (10,) for each of `images`. `alternatives`: readings of each."""
        ends = np.cumsum([len(line.segments) for line in self.lines])[:-1]
        rows_of_lines = np.split(probabilities, ends)
        gap = typical_gap(self.lines)
        lines = [
            line.decode(rows, alternatives, automaton, gap)
            for line, rows in zip(self.lines, rows_of_lines, strict=True)
        ]
        return [line for line in lines if line.signs]


def typical_gap(lines: Sequence[Line]) -> float:
    """The median of the gaps between signs that stand apart, in heights; 0 if all touch."""
    gaps = np.concatenate([line.cuts.gaps for line in lines])
    apart = gaps[gaps > LEAST_GAP]
    return float(np.median(apart)) if len(apart) else 0.0


def segment_ink(ink: Ink, max_digits: int, to_picture: Homography = SAME_PLACE) -> Document:
    """`to_picture`: from the ink's pixels. Raises `BlankPicture` or `TooManyDigits`."""
    check_deadline()
    page = without_decorations(ink)
    return segment_undecorated(page.ink, max_digits, to_picture, page.strikes)


def segment_undecorated(ink: Ink, max_digits: int, to_picture: Homography, strikes: Sequence[Box] = ()) -> Document:
    """As `segment_ink`, of what is written alone. `strikes`: where lines struck it through."""
    lines, labels = layout.find_lines(ink)
    if not lines:
        raise BlankPicture("The picture has no ink on it: send one with digits on it.")
    if layout.estimated_digits(lines) > max_digits or strip_area(lines) > MAX_STRIPS * ink.size:
        raise too_many_digits(max_digits)
    budget = SegmentBudget(max_digits)
    strips = [line_strip(components, ink, labels, to_picture) for components in lines]
    slant = typical_slant([strip for strip, _ in strips])
    segmented = [Line.of(strip, placement, slant, budget) for strip, placement in strips]
    segmented = [
        line._replace(struck=any(is_struck(bounding_box(components), strike) for strike in strikes))
        for line, components in zip(segmented, lines, strict=True)
    ]
    return Document(segmented, np.stack([centre(fit(segment.ink)) for line in segmented for segment in line.segments]))


def is_struck(line: Box, strike: Box) -> bool:
    """Whether a strike crosses at least half of a line."""
    across = min(line.right, strike.right) - max(line.left, strike.left)
    return line.top < strike.middle < line.bottom and 2 * across >= line.width


def strip_area(lines: Sequence[Sequence[Component]]) -> int:
    """Pixels of the page in all lines' boxes, which overlap where lines slope."""
    return sum(box.width * box.height for box in map(bounding_box, lines))
