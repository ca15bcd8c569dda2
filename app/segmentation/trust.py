"""How many of the lines that look alike are read right, however certain the reading is of its ink.

What is around a line, what its digits look like beside each other, and what the page's other lines are like may tell
that a digit is cut, hidden, missing, or no digit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.arrays import Ink
from app.preprocessing.components import Box, bounding_box
from app.segmentation import layout
from app.segmentation.decoding.decoder import Agreement
from app.segmentation.decoding.grammar import STRAY_SLASH
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.layout import Component, Labels

# Each trust is the share of such lines that are read right.
TRUST_IN_CUT = 0.5  # with a digit at the edge of the page, which may be cut
SOFT_CUT = 0.03  # of its height: so near to the edge, its own soft edge is what is cut
BESIDE = 1.5  # heights: what begins so near to the end of a line, higher or lower than it, may be one of its digits
TRUST_BESIDE = 0.5  # a counter's last wheel stands between two digits
FAINT = 0.55  # of the page's typical ink: a fainter component may be a part of a stain, a shadow or a print-through
SLIGHT = 0.25  # of the ink of a stroke as long: a piece of a paper's edge has less
TRUST_IN_FAINT = 0.5
FEET = 0.06  # heights: an underline this near runs through the digits' feet
TRUST_IN_FEET = 0.75  # with a 7: a 2 without its foot is one
EXPECTED = 1.5  # log odds: if a line lacks such a mark, it may be one with the digit before it
TRUST_WITHOUT_MARK = 0.75
LOW_DIGIT = 0.7  # of the median height of its line's digits: a letter or a power may be so low
HIGH_DIGIT = 1.5  # the same: the edge of paper beside a number may be so high
TRUST_IN_UNLIKE = 0.6
TRUST_IN_TICK = 0.5
LONG = 1.8  # of the median length of the page's other digits
TRUST_IN_LONE_STROKE = 0.3


def trust_in_places(lines: Sequence[Sequence[Component]], ink: Ink, labels: Labels, *, is_cut_out: bool) -> list[float]:
    """Of each line, by what is around it. `is_cut_out`: the page is cut out around what is written."""
    return [
        min(
            TRUST_IN_FAINT if faint else 1.0,
            TRUST_IN_CUT if not is_cut_out and is_at_edge(components, ink) else 1.0,
            TRUST_BESIDE if any(goes_on_in(other, components) for other in lines) else 1.0,
        )
        for components, faint in zip(lines, are_faint(lines, ink, labels), strict=True)
    ]


def trust_in_text(text: str, agreement: Agreement, *, lacks_feet: bool) -> float:
    """By the signs of a line. `lacks_feet`: an underline may have taken them."""
    lacks_mark = any(more > EXPECTED and mark not in text for mark, more in agreement.items())
    return (
        (TRUST_WITHOUT_MARK if lacks_mark else 1.0)
        * (TRUST_IN_FEET if lacks_feet and "7" in text else 1.0)
        * (TRUST_IN_TICK if STRAY_SLASH.search(text) else 1.0)
    )


def trust_in_heights(heights: Sequence[float]) -> float:
    """By those of a line's digits: one much lower or higher than the others may be none."""
    if len(heights) < 2:
        return 1.0
    typical = float(np.median(heights))
    is_unlike = min(heights) < LOW_DIGIT * typical or max(heights) > HIGH_DIGIT * typical
    return TRUST_IN_UNLIKE if is_unlike else 1.0


def trust_beside_others(lines: Sequence[ReadLine]) -> list[float]:
    """Of each line, by the page's others: a one alone and much longer than their digits may be a brace or an edge."""
    lengths = [[max(digit.box[2:]) for digit in line.digits] for line in lines]
    trusts = []
    for place, (line, own) in enumerate(zip(lines, lengths, strict=True)):
        others = [length for other in (*lengths[:place], *lengths[place + 1 :]) for length in other]
        is_one = line.text.strip("-") == "1" and len(others) > 0
        is_stroke = is_one and max(own) > LONG * float(np.median(others))
        trusts.append(TRUST_IN_LONE_STROKE if is_stroke else 1.0)
    return trusts


def less_certain(line: ReadLine, trust: float) -> ReadLine:
    """Its text, times `trust`; the signs tell which way up the page is, and stay as they are."""
    alternatives = [reading._replace(probability=trust * reading.probability) for reading in line.alternatives]
    return line._replace(confidence=trust * line.confidence, alternatives=alternatives, trust=trust * line.trust)


def goes_on_in(one: Sequence[Component], other: Sequence[Component]) -> bool:
    """Whether one of two lines begins beside the end of the other, and not quite in its rows."""
    if one is other:
        return False
    first, second = (max(line, key=lambda part: part.right) for line in (one, other))
    left, right = (one, other) if first.right < second.right else (other, one)
    end, begin = max(left, key=lambda part: part.right), min(right, key=lambda part: part.left)
    height = max(layout.typical_height(left), layout.typical_height(right))
    is_near = -0.5 * height < begin.left - end.right < BESIDE * height
    return is_near and min(end.bottom, begin.bottom) > max(end.top, begin.top)


def is_at_edge(components: Sequence[Component], ink: Ink) -> bool:
    """Whether a line reaches the edge of the page, which may cut one of its digits."""
    bounds = bounding_box(components)
    height, width = ink.shape
    reach = max(1.0, SOFT_CUT * (bounds.bottom - bounds.top))
    return bool(min(bounds.left, bounds.top, width - bounds.right, height - bounds.bottom) < reach)


def runs_through_feet(underline: Box, components: Sequence[Component]) -> bool:
    """Whether it may have been taken for the feet of a line's digits, or these for a part of it."""
    feet = float(np.median([component.bottom for component in components]))
    reach = FEET * layout.typical_height(components)
    bounds = bounding_box(components)
    beside = bounds.left < underline.right and underline.left < bounds.right
    return beside and underline.top - reach <= feet <= underline.bottom + reach


def are_faint(lines: Sequence[Sequence[Component]], ink: Ink, labels: Labels) -> list[bool]:
    """For each line whether one of its components is much fainter than the page's are, or much thinner than the pen."""
    inked = np.flatnonzero(labels)  # a twentieth of the page
    labelled = labels.ravel()[inked]
    counts = np.bincount(labelled)
    sums = np.bincount(labelled, weights=ink.ravel()[inked])
    means = sums / np.maximum(1, counts)
    of_lines = [[max(means[label] for label in component.labels) for component in components] for components in lines]
    typical_ink, slight = np.median(np.concatenate(of_lines)), SLIGHT * layout.pen_weight(ink)
    return [
        min(of_line) < FAINT * typical_ink
        or any(sums[[*part.labels]].sum() < slight * max(part.width, part.height) for part in components)
        for of_line, components in zip(of_lines, lines, strict=True)
    ]
