"""The lattice of a line's candidate segments, whose paths are its readings.

The cuts are the lattice's nodes. Its edges are signs: each segment stands for any of the ten digits, for a mark, or for
neither. An edge's score is the logarithm of its sign's probability, less penalties for its shape, for the ink that its
cut crosses and for the empty paper that it bridges. Every path from the first cut to the last uses up the whole line,
so paths of different lengths compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.segmentation.decoding.marks import Mark
from app.segmentation.decoding.reading import SignKind
from app.segmentation.oversegmentation import Cuts, Segment

# In natural logarithms. Chosen on pages made of MNIST's validation digits.
LEAST_PROBABILITY = 1e-6  # of a digit: a segment that the model cannot read must not decide alone
CROSSING_PENALTY = 2.3  # for each height of ink that a cut crosses
CUT_PENALTY = 1.5  # of a cut through ink
CROSSED = 0.02  # heights: a cut that crosses less ink runs between two digits
SMALL = 0.45  # heights: a lower segment may be no digit at all, but a point or a dash
SKIP_PENALTY = 1.2  # of passing such a segment over
OTHER_PENALTY = 4.0  # of a larger segment that is no digit: half of a digit is none either
BRIDGED = 0.08  # heights: a gap in a broken stroke
BRIDGE_PENALTY = 12.0  # for each height of empty paper beyond it within a sign

SPACE = 0.5  # heights: a gap this wide is as likely a space as not,
SPACE_RATIO = 1.5  # or one so many times as wide as the page's typical one
SPACE_MARGIN = 0.22  # and so many heights more
COLUMNS = 2.5  # heights: a wider gap is a space anyway
SPACE_SHARPNESS = 20.0  # change of a space's log odds for each height

MAX_MARKS = 0.98  # share of marks in a segment's probability: digits keep a chance
SMALL_MARKS: Set[SignKind] = {"point", "comma", "colon"}  # which no digit has for a part
ABSORBED = 0.95  # a small mark's largest fit that counts against its being a part of a digit, or nothing
BRIDGING: Set[SignKind] = {"percent"}  # consists of parts beside each other


class Edge(NamedTuple):
    """A segment read as one sign."""

    segment: Segment
    kind: SignKind
    text: str
    confidence: float
    score: float
    space: float = 0.0  # the probability of the space before it, if it is read with one

    @property
    def characters(self) -> str:
        return f" {self.text}" if self.space else self.text


class Candidate(NamedTuple):
    """A segment, and what it may be."""

    segment: Segment
    probabilities: Sequence[float]  # (10,): of the digits, by the model
    marks: Sequence[Mark]


def lattice_edges(
    height: float, cuts: Cuts, candidates: Sequence[Candidate], typical_gap: float = 0.0
) -> list[list[Edge]]:
    """For each cut the edges that start there.

    `height`: of the strip's digits in pixels. `typical_gap`: between the page's digits, in heights.
    """
    crossed = cuts.crossed / height
    crossing_penalties = (CROSSING_PENALTY * crossed + CUT_PENALTY * (crossed > CROSSED)).tolist()
    bridged = np.concatenate([[0.0], np.cumsum(np.maximum(0.0, cuts.gaps - BRIDGED))]) * BRIDGE_PENALTY
    absorbed = np.concatenate([[0.0], np.cumsum(absorption_penalties(candidates, len(cuts.columns)))])
    spaces = space_probabilities(cuts.gaps, typical_gap)
    edges: list[list[Edge]] = [[] for _ in range(len(cuts.columns))]
    for candidate in candidates:
        segment = candidate.segment
        penalty = crossing_penalties[segment.end] + float(bridged[segment.end] - bridged[segment.start + 1])
        if segment.end > segment.start + 1:
            penalty += float(absorbed[segment.end] - absorbed[segment.start])
        for edge in edges_of(candidate, penalty):
            edges[segment.start] += with_space(edge, spaces[segment.start])
    return edges


def absorption_penalties(candidates: Sequence[Candidate], cuts: int) -> NDArray[np.float64]:
    """For each cut that of taking the piece on its right into a larger segment although it may be a small mark."""
    penalties = np.zeros(cuts)
    for segment, _, marks in candidates:
        if segment.end == segment.start + 1:
            fit = sum(mark.fit for mark in marks if mark.kind in SMALL_MARKS)
            penalties[segment.start] = -math.log(1 - min(ABSORBED, fit))
    return penalties


def edges_of(candidate: Candidate, penalty: float) -> Iterator[Edge]:
    """The edges on which a segment stands for a digit, for a mark that it may be, or for neither."""
    segment, row, marks = candidate
    fits = sum(mark.fit for mark in marks)
    rest = 1 - min(MAX_MARKS, fits)  # what is left for the digits
    for digit, probability in enumerate(row):
        score = math.log(max(rest * probability, LEAST_PROBABILITY)) - segment.penalty - penalty
        yield Edge(segment, "digit", str(digit), rest * probability, score)
    for mark in marks:
        fit = mark.fit * (1 - rest) / fits
        bridge = 0 if mark.kind in BRIDGING else penalty
        yield Edge(segment, mark.kind, mark.text, fit, math.log(fit) - bridge)
    remainder = max(rest * (1 - sum(row)), LEAST_PROBABILITY)
    other = (
        math.log(max(rest, 1 - ABSORBED)) - SKIP_PENALTY
        if segment.height < SMALL
        else math.log(remainder) - OTHER_PENALTY
    )
    yield Edge(segment, "other", "", remainder, other - penalty)


def with_space(edge: Edge, space: float) -> list[Edge]:
    """As it is, and with a space before it, as far as the gap allows them."""
    without = edge._replace(score=edge.score + math.log(1 - space))
    if space <= LEAST_PROBABILITY or not edge.text:
        return [without]
    return [without, edge._replace(score=edge.score + math.log(space), space=space)]


def space_probabilities(gaps: NDArray[np.float64], typical_gap: float) -> list[float]:
    """For each cut that a space stands at it. A row of boxes has wide gaps, and no space among them."""
    limit = min(max(SPACE, SPACE_RATIO * typical_gap + SPACE_MARGIN), COLUMNS)
    odds = np.exp(np.clip(SPACE_SHARPNESS * (gaps - limit), -20, 13))
    probabilities = odds / (1 + odds)
    probabilities[[0, -1]] = 0
    return [float(space) for space in probabilities]
