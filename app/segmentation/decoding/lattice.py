"""The lattice of a line's candidate segments, whose paths are its readings.

The cuts are the lattice's nodes. Its edges are signs: each segment stands for any of the ten digits, for a mark, or for
neither. Every path from the first cut to the last uses up the whole line, so paths of different lengths compare.

An edge's score is a weighted sum of what is measured of it: logarithms of the probabilities that the model gives the
digit, that the network of `kinds` gives the sign, and that the gap gives a space; and the ink that the cut
on its right crosses. The weights are fitted (`weights`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.arrays import Probabilities
from app.segmentation.decoding.kinds import MARK, MARKS, OTHER, SIGNS
from app.segmentation.decoding.reading import SignKind
from app.segmentation.oversegmentation import Cuts, Segment

LEAST_PROBABILITY = 1e-6  # a segment that the model cannot read must not decide alone
LEAST_KIND = 1e-3  # nor one that the network has never seen
POSSIBLE_MARK = 1e-3  # less likely marks are no edges,
POSSIBLE_DIGIT = 3e-5  # nor are digits so much less likely than the likeliest: under no constraint are they read
CROSSED = 0.02  # heights: a cut that crosses less ink runs between two digits
SPECK = 0.2  # heights: a lower segment that is no mark is dust
SMALL = 0.45  # heights: a lower segment that is no sign may be dust
LARGE = 1.4  # heights: higher than letters and symbols; a digit, with what is left of the box around it
LOW = 0.92  # heights: of a low digit

COLUMNS = 2.5  # heights: a wider gap is a space anyway
IN_BOXES = 1.7  # typical gaps: in a row of boxes the room beside a one is as wide
DOUBTED = 0.5  # a sign that the network finds less likely than none is as certain as that, and not accepted

LEAST_SPACE = 1e-6  # less likely ones are no edges

MEASURES = (
    "model",  # ln P of the digit
    "network",  # the same by the network, given that it is a digit
    "digit kind",  # ln P of any digit
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
    "large nones",
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


class Candidates(NamedTuple):
    """All segments that may be a sign, and what they may be."""

    segments: Sequence[Segment]
    digits: Probabilities  # (n, 10), by the model
    signs: NDArray[np.float32]  # (n, SIGNS), by the network
    is_display: bool = False  # of such digits the network has learnt little: it lets none be doubtful

    def confidences(self) -> NDArray[np.float32]:
        """(n, SIGNS): the model's of digits, the network's of all else."""
        return np.hstack([self.digits, self.signs[:, MARK:]])

    def certainties(self) -> NDArray[np.float32]:
        """(n, SIGNS): of each sign alone. A digit's is the model's; what the network takes for none is doubtful."""
        none = self.signs[:, OTHER:]
        any_digit = np.repeat(self.signs[:, :MARK].sum(axis=1, keepdims=True), MARK, axis=1)
        likely = np.hstack([any_digit, self.signs[:, MARK:]])
        share = likely / (likely + none)
        share[:, OTHER] = 1
        if self.is_display:
            share[:, :MARK] = 1
        model = np.hstack([self.digits, np.ones_like(self.signs[:, MARK:])])
        return np.asarray(np.where(share < DOUBTED, model * share, model), np.float32)


class SpaceOdds(NamedTuple):
    """The log odds that a gap is a space. Lengths in heights.

    A gap so many times as wide as the page's typical one, and so much wider, is as likely a space as not: by logistic
    regression on 6,500 gaps of sheets and lines in development.
    """

    ratio: float
    margin: float
    sharpness: float  # change of the log odds for each height

    def at(self, gaps: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
        limit = max(self.ratio * typical + self.margin, IN_BOXES * typical)
        return self.sharpness * (gaps - min(limit, COLUMNS))


OF_FEW_GAPS = SpaceOdds(0.84, 0.54, 12.4)  # the typical gap of a single line may be a space itself
OF_MANY_GAPS = SpaceOdds(1.18, 0.3, 22.5)
MANY_GAPS = 20  # a long number has 15, and no other lines to compare it with


class Spacing(NamedTuple):
    """How far apart a page's signs stand."""

    gap: float = 0.0  # the typical one, in heights
    clearance: float = 0.0  # the same of clearances
    gaps: int = 0  # that are not nearly nothing

    def space_probabilities(self, clearances: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each cut that a space stands at it. A row of boxes has wide gaps, and no space among them."""
        log_odds = (OF_MANY_GAPS if self.gaps >= MANY_GAPS else OF_FEW_GAPS).at(clearances, self.clearance)
        odds = np.exp(np.clip(log_odds, -20, 13))
        probabilities = odds / (1 + odds)
        probabilities[[0, -1]] = 0
        return np.asarray(probabilities, np.float64)


NO_SPACING = Spacing()


class Lattice(NamedTuple):
    """All edges of a line, with what is measured of each. n: the number of edges."""

    segments: list[Segment]
    signs: list[int]  # places in `SIGNS`
    confidences: list[float]
    spaces: list[float]  # the probability of the space before each, 0 where there is none
    measures: NDArray[np.float64]  # (n, MEASURES)
    nodes: int

    def outgoing(self, weights: NDArray[np.float64]) -> list[list[Edge]]:
        """For each cut the edges that start there, with their scores. `weights`: (MEASURES,)."""
        nodes: list[list[Edge]] = [[] for _ in range(self.nodes)]
        scores = (self.measures @ weights).tolist()
        edges = zip(self.segments, self.signs, self.confidences, scores, self.spaces, strict=True)
        for number, (segment, sign, confidence, score, space) in enumerate(edges):
            nodes[segment.start].append(Edge(segment, *SIGNS[sign], confidence, score, space, number))
        return nodes


def lattice_of(height: float, cuts: Cuts, candidates: Candidates, spacing: Spacing = NO_SPACING) -> Lattice:
    """`height`: of the strip's digits in pixels. `spacing`: of the page."""
    confidences = candidates.confidences()
    index, signs = np.nonzero(are_possible(confidences))  # of the segments; places in `SIGNS`
    starts, ends = np.array([(segment.start, segment.end) for segment in candidates.segments], np.intp).T
    measures = measures_of_signs(index, signs, candidates)
    crossed = (cuts.crossed / height)[ends[index]]
    measures[:, PLACE["crossed"]], measures[:, PLACE["cut"]] = crossed, crossed > CROSSED
    space = spacing.space_probabilities(cuts.clearances)[starts[index]]
    spaced = np.flatnonzero((space > LEAST_SPACE) & (signs != OTHER))  # as they are, and with a space before them
    all_edges = np.concatenate([np.arange(len(index)), spaced])
    measures[:, PLACE["no space"]] = np.where(signs == OTHER, 0, np.log1p(-space))  # before ink that is no sign both
    with_space = measures[spaced]
    with_space[:, PLACE["no space"]], with_space[:, PLACE["space"]] = 0, np.log(space[spaced])
    with_space[:, PLACE["spaces"]] = 1
    return Lattice(
        [candidates.segments[place] for place in index[all_edges]],
        signs[all_edges].tolist(),
        candidates.certainties()[index, signs][all_edges].tolist(),
        [0.0] * len(index) + space[spaced].tolist(),
        np.concatenate([measures, with_space]),
        len(cuts.columns),
    )


def are_possible(confidences: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n, SIGNS): what each segment may stand for."""
    least = np.zeros_like(confidences)
    least[:, :MARK] = POSSIBLE_DIGIT * confidences[:, :MARK].max(axis=1, keepdims=True)
    least[:, MARK:OTHER] = POSSIBLE_MARK
    return np.asarray(confidences >= least, np.bool_)


def measures_of_signs(index: NDArray[np.intp], signs: NDArray[np.intp], candidates: Candidates) -> NDArray[np.float64]:
    """(n, MEASURES): of segments read as signs, besides what is measured of cuts and gaps."""
    measures = np.zeros((len(index), len(MEASURES)))
    log_digits = np.log(np.maximum(candidates.digits, LEAST_PROBABILITY))
    log_signs = np.log(np.maximum(candidates.signs, LEAST_KIND))
    log_any = np.log(np.maximum(candidates.signs[:, :MARK].sum(axis=1), LEAST_KIND))
    heights = np.array([segment.height for segment in candidates.segments])[index]
    digit, mark = np.flatnonzero(signs < MARK), np.flatnonzero((signs >= MARK) & (signs < OTHER))
    measures[digit, PLACE["model"]] = log_digits[index[digit], signs[digit]]
    measures[digit, PLACE["network"]] = (log_signs - log_any[:, np.newaxis])[index[digit], signs[digit]]
    measures[digit, PLACE["digit kind"]] = log_any[index[digit]]
    measures[digit, PLACE["low"]] = np.maximum(0.0, LOW - heights[digit])
    measures[digit, PLACE["digits"]] = 1
    measures[mark, PLACE["mark kind"]] = log_signs[index[mark], signs[mark]]
    measures[mark, len(MEASURES) - len(MARKS) + signs[mark] - MARK] = 1
    for name, small in (("dust", True), ("none", False)):
        other = np.flatnonzero((signs == OTHER) & ((heights < SMALL) == small))
        measures[other, PLACE[f"{name} kind"]] = log_signs[index[other], OTHER]
        measures[other, PLACE[f"{name}s"]] = 1
    measures[(signs == OTHER) & (heights > LARGE), PLACE["large nones"]] = 1
    return measures
