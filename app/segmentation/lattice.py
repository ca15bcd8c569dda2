"""The likeliest sequence of digits in a line: the best path through the lattice of its candidate segments.

The cuts are the lattice's nodes, the segments its edges. An edge's score is the logarithm of its digit's probability,
less penalties for its shape and for the ink that its cut crosses. Every path from the first cut to the last uses up the
whole line, so paths of different lengths compare. The search (Viterbi) is exact: a line has some hundred segments, so
it needs no beam, and the one best path is kept instead of an n-best list.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.arrays import Probabilities
from app.segmentation.oversegmentation import Cuts, Segment, Strip

# In natural logarithms. Chosen on pages made of MNIST's validation digits.
LEAST_PROBABILITY = 1e-6  # of a digit: a segment that the model cannot read must not decide alone
CROSSING_PENALTY = 2.3  # for each height of ink that a cut crosses
SMALL = 0.45  # heights: a lower segment may be no digit at all, but a point or a dash
SKIP_PENALTY = 1.2  # of passing such a segment over


class DecodedDigit(NamedTuple):
    """A segment on the best path that is a digit."""

    digit: int
    confidence: float
    segment: Segment


class Path(NamedTuple):
    """The best way from the first cut to one cut."""

    score: float
    digits: list[DecodedDigit]


def decode(strip: Strip, cuts: Cuts, segments: Sequence[Segment], probabilities: Probabilities) -> list[DecodedDigit]:
    """The digits on the best path, from the left to the right. `probabilities` has a row (10,) for each segment."""
    crossing_penalties = CROSSING_PENALTY * cuts.crossed / strip.height
    best = [Path(0.0, [])] + [Path(-math.inf, [])] * (len(cuts.columns) - 1)
    digits, confidences = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
    for segment, digit, confidence in zip(segments, digits, confidences, strict=True):
        before = best[segment.start]
        base = before.score - float(crossing_penalties[segment.end])
        digit_score = base + math.log(max(confidence, LEAST_PROBABILITY)) - segment.penalty
        skip_score = base - SKIP_PENALTY if segment.height < SMALL else -math.inf
        if digit_score >= max(skip_score, best[segment.end].score):
            path = [*before.digits, DecodedDigit(digit, confidence, segment)]
            best[segment.end] = Path(digit_score, path)
        elif skip_score > best[segment.end].score:
            best[segment.end] = Path(skip_score, before.digits)
    return best[-1].digits
