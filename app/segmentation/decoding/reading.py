"""What is read on a line: its signs, its likeliest readings, and how certain they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

Box = tuple[int, int, int, int]  # x, y, width, height
SignKind = Literal[
    "digit",
    "point",
    "comma",
    "colon",
    "minus",
    "plus",
    "slash",
    "bracket",
    "percent",
    "equals",
    "space",
    "other",  # ink that is none of these
]


LINE_THRESHOLD = 0.95  # the least probability of the text of a line that is accepted,
SIGN_THRESHOLD = 0.9  # and of a sign on it: a slash read as a 1 is seldom more certain


class Sign(NamedTuple):
    """A sign found on a line."""

    kind: SignKind
    text: str  # what stands there; empty for "other"
    confidence: float
    box: Box  # in pixels of the picture as it was sent, upright
    struck: bool = False  # whether a line strikes it through: then it is not accepted

    def is_accepted(self, threshold: float) -> bool:
        """`threshold`: of the model."""
        return self.kind != "other" and self.confidence >= max(threshold, SIGN_THRESHOLD) and not self.struck


class Reading(NamedTuple):
    """One of the likeliest readings of a line."""

    text: str
    probability: float


class ReadLine(NamedTuple):
    """The likeliest reading of a line, sign by sign, and the others."""

    signs: list[Sign]  # from the left to the right
    confidence: float  # the probability of its text
    alternatives: list[Reading]  # the likeliest first, which is the signs' own
    trust: float = 1.0  # by which its confidence was lowered: how many such lines are read right
    satisfies: bool = True  # the constraint that was searched under; if nothing does, the reading is the one without

    @property
    def struck(self) -> bool:
        """Whether all of it is struck through."""
        return bool(self.signs) and all(sign.struck for sign in self.signs)

    @property
    def text(self) -> str:
        return "".join(sign.text for sign in self.signs)

    def is_accepted(self, threshold: float) -> bool:
        """Whether the line as a whole and each of its signs are certain enough, and one is a digit.

        Marks alone are what is left of lines and stains. `threshold`: of a sign.
        """
        signs = [sign for sign in self.signs if sign.kind != "space"]
        certain = bool(self.digits) and all(sign.is_accepted(threshold) for sign in signs)
        return certain and self.satisfies and self.confidence >= LINE_THRESHOLD

    @property
    def box(self) -> Box:
        """Around all its signs."""
        left, top = min(sign.box[0] for sign in self.signs), min(sign.box[1] for sign in self.signs)
        right = max(sign.box[0] + sign.box[2] for sign in self.signs)
        bottom = max(sign.box[1] + sign.box[3] for sign in self.signs)
        return left, top, right - left, bottom - top

    @property
    def digits(self) -> list[Sign]:
        return [sign for sign in self.signs if sign.kind == "digit"]
