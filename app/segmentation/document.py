"""A picture with several digits becomes lines of digits.

segment_ink -> Document -> (the model reads `images` as one batch) -> Document.decode -> lines of digits

ink -> without decorations -> layout -> for each line: strip -> oversegmentation -> images -> lattice
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Homography, Images, Ink, Probabilities
from app.errors import BlankPicture
from app.observability.request_context import check_deadline
from app.preprocessing.components import Box, bounding_box
from app.preprocessing.normalize import centre, fit
from app.segmentation import layout
from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding.decoder import NO_AGREEMENT, Agreement, FoundPaths, find_paths
from app.segmentation.decoding.kinds import Features, network, segment_features
from app.segmentation.decoding.lattice import Candidates, Spacing, lattice_of
from app.segmentation.decoding.ones import ones_of
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.decoding.writing import Writing, typical_slant
from app.segmentation.decorations.undecorated import UndecoratedPage, without_lines
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
from app.segmentation.trust import (
    less_certain,
    runs_through_feet,
    trust_beside_others,
    trust_in_heights,
    trust_in_places,
    trust_in_text,
)

SAME_PLACE: Homography = np.eye(3)
TYPICAL = 0.5  # quantile; the lower one of two gaps
LEAST_GAP = 0.05  # heights: a smaller one may be in a digit
PITCH_GAP = 0.6  # heights: on a display a one has as much more room on its sides than other digits
FEW_LINES = 3  # do not tell of what kind the page's lines are
TELLING = "/.,"  # marks that all lines of a page have, or none
MAX_STRIPS = 6  # areas of the page: 30 lines that slope by 5 degrees take 2.7


class Line(NamedTuple):
    """One line, oversegmented."""

    strip: Strip
    placement: Placement
    cuts: Cuts
    segments: list[Segment]
    writing: Writing
    strikes: Sequence[Box] = ()  # page pixels: of lines that strike something through
    trust: float = 1.0  # the probability that its ink is that of its digits, and all of it
    lacks_feet: bool = False  # an underline may have taken them
    is_display: bool = False  # its digits are of segments or dots

    @classmethod
    def of(cls, strip: Strip, placement: Placement, slant: float, budget: SegmentBudget) -> Self:
        """`slant`: the hand's. Raises `TooManyDigits`."""
        check_deadline()
        cuts = oversegment(strip, budget)
        segments = candidate_segments(strip, cuts, budget)
        return cls(strip, placement, cuts, segments, Writing.of(strip, slant))

    def features(self, spacing: Spacing) -> Features:
        """Of its segments, for the network of `kinds`. `spacing`: of the page."""
        return segment_features(self.segments, self.cuts, self.writing, spacing.gap)

    def find_paths(
        self, probabilities: Probabilities, alternatives: int, automaton: Automaton | None, spacing: Spacing
    ) -> FoundPaths:
        """The best paths through its lattice. `spacing`: of the page."""
        kinds = network().run(self.features(spacing))
        candidates = Candidates(self.segments, probabilities, kinds, self.is_display)
        return find_paths(lattice_of(self.strip.height, self.cuts, candidates, spacing), alternatives, automaton)

    def read(self, found: FoundPaths, alternatives: int, agreement: Agreement = NO_AGREEMENT) -> ReadLine:
        """Its likeliest reading."""
        ranked = found.ranked(agreement)
        line = ranked.read(self.placement, alternatives)
        trust = trust_in_text(line.text, agreement, lacks_feet=self.lacks_feet)
        line = less_certain(line, self.trust * trust * trust_in_heights(ranked.digit_heights()))
        return with_strikes(line, self.strikes, self.placement.to_picture) if self.strikes else line


class Document(NamedTuple):
    """All candidate segments on a picture, line by line."""

    lines: list[Line]
    images: Images  # (n, 28, 28), for the model to read: one for each segment
    is_display: bool = False

    def decode(
        self, probabilities: Probabilities, alternatives: int = 1, automaton: Automaton | None = None
    ) -> list[ReadLine]:
        """The lines that are not empty, given a row (10,) for each of `images`. `alternatives`: readings of each."""
        ends = np.cumsum([len(line.segments) for line in self.lines])[:-1]
        rows_of_lines = np.split(probabilities, ends)
        spacing = spacing_of(self.lines)
        if self.is_display:
            spacing = spacing._replace(gap=spacing.gap + PITCH_GAP, clearance=spacing.clearance + PITCH_GAP)
        found = [
            line.find_paths(rows, alternatives, automaton, spacing)
            for line, rows in zip(self.lines, rows_of_lines, strict=True)
        ]
        ones = ones_of([paths.best for paths in found])
        found = [paths.beside(ones) for paths in found] if ones else found
        lines = [line.read(paths, alternatives) for line, paths in zip(self.lines, found, strict=True)]
        agreed = [
            line.read(paths, alternatives, agreement) if agreement else alone
            for line, paths, alone, agreement in zip(self.lines, found, lines, agreements(lines), strict=True)
        ]
        return [
            less_certain(line, trust)
            for line, trust in zip(agreed, trust_beside_others(agreed), strict=True)
            if line.signs
        ]


def agreements(lines: Sequence[ReadLine]) -> list[Agreement]:
    """For each line what the others say about each of `TELLING`: the log odds that they have it."""
    if len(lines) <= FEW_LINES:
        return [NO_AGREEMENT] * len(lines)
    has_mark = np.array([[mark in line.text for mark in TELLING] for line in lines], np.intp)
    others = has_mark.sum(axis=0) - has_mark
    log_odds = np.log((others + 0.5) / (len(lines) - 1 - others + 0.5))
    return [dict(zip(TELLING, row, strict=True)) for row in log_odds.tolist()]


def spacing_of(lines: Sequence[Line]) -> Spacing:
    """By the gaps between signs that stand apart. Some of a few gaps may be spaces."""
    gap, gaps = typical(np.concatenate([line.cuts.gaps for line in lines]))
    clearance, _ = typical(np.concatenate([line.cuts.clearances for line in lines]))
    return Spacing(gap, clearance, gaps)


def typical(gaps: NDArray[np.float64]) -> tuple[float, int]:
    """The typical one of those that are not nearly nothing, 0 if there is none; and their number."""
    apart = gaps[gaps > LEAST_GAP]
    return (float(np.quantile(apart, TYPICAL, method="lower")) if len(apart) else 0.0), len(apart)


def segment_ink(ink: Ink, max_digits: int, to_picture: Homography = SAME_PLACE) -> Document:
    """Of ink without enclosures. `to_picture`: from its pixels. Raises `BlankPicture` or `TooManyDigits`."""
    check_deadline()
    return segment_undecorated(without_lines(ink), max_digits, to_picture)


def segment_undecorated(page: UndecoratedPage, max_digits: int, to_picture: Homography) -> Document:
    """As `segment_ink`, of what is written alone."""
    check_deadline()
    ink = page.ink
    lines, labels = layout.find_lines(ink)
    if not lines:
        raise BlankPicture("The picture has no ink on it: send one with digits on it.")
    if layout.estimated_digits(lines) > max_digits or strip_area(lines) > MAX_STRIPS * ink.size:
        raise too_many_digits(max_digits)
    budget = SegmentBudget(max_digits)
    to_picture = to_picture @ page.to_page
    strips = [line_strip(components, ink, labels, to_picture) for components in lines]
    slant = typical_slant([strip for strip, _ in strips])
    segmented = [Line.of(strip, placement, slant, budget) for strip, placement in strips]
    trust = trust_in_places(lines, ink, labels, is_cut_out=page.is_cut_out)
    segmented = [
        line._replace(
            strikes=[strike for strike in page.strikes if crosses(strike, bounding_box(components))],
            lacks_feet=any(runs_through_feet(box, components) for box in page.underlines),
            trust=trust_in_place,
            is_display=page.is_display,
        )
        for line, components, trust_in_place in zip(segmented, lines, trust, strict=True)
    ]
    images = np.stack([centre(fit(segment.ink)) for line in segmented for segment in line.segments])
    return Document(segmented, images, page.is_display)


def crosses(strike: Box, line: Box) -> bool:
    """Whether a strike's middle lies on a line."""
    return line.top < strike.middle < line.bottom and line.left < strike.right and strike.left < line.right


def with_strikes(line: ReadLine, strikes: Sequence[Box], to_picture: Homography) -> ReadLine:
    """The line with the signs said to be struck whose middle a strike crosses. `strikes`: in page pixels."""
    if not line.signs:
        return line
    middles = np.array([[(x + width / 2, y + height / 2) for x, y, width, height in (sign.box for sign in line.signs)]])
    on_page = cv2.perspectiveTransform(middles, np.linalg.inv(to_picture))[0, :, 0].tolist()
    struck = [any(strike.left < x < strike.right for strike in strikes) for x in on_page]
    signs = [sign._replace(struck=is_struck) for sign, is_struck in zip(line.signs, struck, strict=True)]
    return line._replace(signs=signs)


def strip_area(lines: Sequence[Sequence[Component]]) -> int:
    """Pixels of the page in all lines' boxes, which overlap where lines slope."""
    return sum(box.width * box.height for box in map(bounding_box, lines))
