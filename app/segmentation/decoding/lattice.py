"""The lattice of a line's candidate segments, whose paths are its readings.

The cuts are the lattice's nodes. Its edges are signs: each segment stands for any of the ten digits, for a mark, or for
neither. Every path from the first cut to the last uses up the whole line, so paths of different lengths compare.

An edge's score is a weighted sum of what is measured of it: logarithms of the probabilities that the model gives the
digit, that the network of `kinds` gives the kind of the sign, and that the gap gives a space; and the ink that the cut
on its right crosses. The weights are fitted (`weights`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.arrays import Probabilities
from app.segmentation.decoding.kinds import DIGIT, MARKS, NONE
from app.segmentation.decoding.reading import SignKind
from app.segmentation.oversegmentation import Cuts, Segment

LEAST_PROBABILITY = 1e-6  # a segment that the model cannot read must not decide alone
LEAST_KIND = 1e-3  # nor one that the network has never seen
POSSIBLE_MARK = 1e-3  # less likely marks are no edges
CROSSED = 0.02  # heights: a cut that crosses less ink runs between two digits
SMALL = 0.45  # heights: a lower segment that is no sign may be dust
LOW = 0.92  # heights: of a low digit

SPACE = 0.5  # heights: a gap this wide is as likely a space as not,
SPACE_RATIO = 1.5  # or one so many times as wide as the page's typical one
SPACE_MARGIN = 0.22  # and so many heights more
COLUMNS = 2.5  # heights: a wider gap is a space anyway
SPACE_SHARPNESS = 20.0  # change of a space's log odds for each height
LEAST_SPACE = 1e-6  # less likely ones are no edges

MEASURES = (
    "model",  # ln P of the digit
    "digit kind",  # ln P
    "mark kind",
    "none kind",
    "dust kind",  # the same of a low segment
    "crossed",  # heights of ink
    "cut",  # 1 if the cut crosses ink
    "low",  # heights that a digit is lower than `LOW`
    "space",  # ln P
    "no space",
    "spaces",  # 1 for each
    "digits",
    "nones",
    "dusts",
    *MARKS,
)
PLACE = {name: place for place, name in enumerate(MEASURES)}


class Edge(NamedTuple):
    """A segment read as one sign."""

    segment: Segment
    kind: SignKind
    text: str
    confidence: float  # of the sign alone
    score: float
    space: float = 0.0  # the probability of the space before it, if it is read with one
    number: int = 0  # of its lattice's, from 0

    @property
    def characters(self) -> str:
        return f" {self.text}" if self.space else self.text


class Candidates(NamedTuple):
    """All segments that may be a sign, and what they may be."""

    segments: Sequence[Segment]
    digits: Probabilities  # (n, 10), by the model
    kinds: NDArray[np.float32]  # (n, KINDS), by the network


class Lattice(NamedTuple):
    """All edges of a line, with what is measured of each."""

    edges: list[Edge]  # whose scores are 0 as yet
    measures: NDArray[np.float64]  # (edges, MEASURES)
    nodes: int

    def outgoing(self, weights: NDArray[np.float64]) -> list[list[Edge]]:
        """For each cut the edges that start there, with their scores. `weights`: (MEASURES,)."""
        nodes: list[list[Edge]] = [[] for _ in range(self.nodes)]
        for edge, score in zip(self.edges, (self.measures @ weights).tolist(), strict=True):
            nodes[edge.segment.start].append(edge._replace(score=score))
        return nodes


def lattice_of(height: float, cuts: Cuts, candidates: Candidates, typical_gap: float = 0.0) -> Lattice:
    """`height`: of the strip's digits in pixels. `typical_gap`: between the page's signs, in heights."""
    crossed = cuts.crossed / height
    spaces = space_probabilities(cuts.gaps, typical_gap)
    digits, kinds = candidates.digits.tolist(), candidates.kinds.tolist()
    log_digits = np.log(np.maximum(candidates.digits, LEAST_PROBABILITY)).tolist()
    log_kinds = np.log(np.maximum(candidates.kinds, LEAST_KIND)).tolist()
    edges: list[Edge] = []
    rows: list[list[float]] = []
    for index, segment in enumerate(candidates.segments):
        common = [0.0] * len(MEASURES)
        common[PLACE["crossed"]] = float(crossed[segment.end])
        common[PLACE["cut"]] = float(crossed[segment.end] > CROSSED)
        signs = signs_of(segment, digits[index], kinds[index])
        for edge, measures in measured(signs, common, log_digits[index], log_kinds[index]):
            for with_or_without, row in spaced(edge, measures, spaces[segment.start]):
                edges.append(with_or_without._replace(number=len(edges)))
                rows.append(row)
    return Lattice(edges, np.array(rows).reshape(-1, len(MEASURES)), len(cuts.columns))


def signs_of(segment: Segment, digits: Sequence[float], kinds: Sequence[float]) -> Iterator[Edge]:
    """What a segment may stand for, without scores."""
    for digit, probability in enumerate(digits):
        yield Edge(segment, "digit", str(digit), probability, 0.0)
    for place, (mark, kind) in enumerate(MARKS.items(), start=DIGIT + 1):
        if kinds[place] >= POSSIBLE_MARK:
            yield Edge(segment, kind, mark, kinds[place], 0.0)
    yield Edge(segment, "other", "", kinds[NONE], 0.0)


def measured(
    signs: Iterator[Edge], common: list[float], log_digits: Sequence[float], log_kinds: Sequence[float]
) -> Iterator[tuple[Edge, list[float]]]:
    """Each sign with its measures, besides those of spaces."""
    places = {mark: place for place, mark in enumerate(MARKS, start=DIGIT + 1)}
    for edge in signs:
        row = common.copy()
        if edge.kind == "digit":
            row[PLACE["model"]] = log_digits[int(edge.text)]
            row[PLACE["digit kind"]] = log_kinds[DIGIT]
            row[PLACE["low"]] = max(0.0, LOW - edge.segment.height)
            row[PLACE["digits"]] = 1.0
        elif edge.kind == "other":
            name = "dust" if edge.segment.height < SMALL else "none"
            row[PLACE[f"{name} kind"]] = log_kinds[NONE]
            row[PLACE[f"{name}s"]] = 1.0
        else:
            row[PLACE["mark kind"]] = log_kinds[places[edge.text]]
            row[PLACE[edge.text]] = 1.0
        yield edge, row


def spaced(edge: Edge, row: list[float], space: float) -> Iterator[tuple[Edge, list[float]]]:
    """As it is, and with a space before it, as far as the gap allows them."""
    without = row.copy()
    without[PLACE["no space"]] = float(np.log1p(-space))
    yield edge, without
    if space > LEAST_SPACE and edge.text:
        row[PLACE["space"]] = float(np.log(space))
        row[PLACE["spaces"]] = 1.0
        yield edge._replace(space=space), row


def space_probabilities(gaps: NDArray[np.float64], typical_gap: float) -> list[float]:
    """For each cut that a space stands at it. A row of boxes has wide gaps, and no space among them."""
    limit = min(max(SPACE, SPACE_RATIO * typical_gap + SPACE_MARGIN), COLUMNS)
    odds = np.exp(np.clip(SPACE_SHARPNESS * (gaps - limit), -20, 13))
    probabilities = odds / (1 + odds)
    probabilities[[0, -1]] = 0
    return [float(space) for space in probabilities]
