"""Words are told from numbers: most of their ink is in no sign that is read, or in a doubtful one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from app.segmentation.decoding.reading import Box, Reading, ReadLine, Sign

LEAST_SIGNS = 3  # fewer are a number that is hard to read
WORDS_BELOW = 0.5  # mean confidence of signs by their widths, 0 for what is none of those that are read
APART = 0.7  # heights of a number: its label is as far away,
LONG = 1.5  # heights of a number: and as long. What is shorter may be a digit that cannot be read


def words_apart(line: ReadLine) -> list[ReadLine]:
    """A line of words is one sign of the kind "other"; a number beside its label is a line of its own."""
    if any(sign.struck for sign in line.signs):
        return [line]
    parts = parts_of(line.signs)
    if len(parts) > 1 and all(itertools.starmap(are_label_and_number, itertools.pairwise(parts))):
        return [words_of(part) if are_words(part) else number_of(part, line) for part in parts]
    is_long = len(written(line.signs)) >= LEAST_SIGNS
    return [words_of(line.signs) if is_long and certainty(line.signs) < WORDS_BELOW else line]


def parts_of(signs: Sequence[Sign]) -> list[list[Sign]]:
    """Words and numbers in turn, each with the spaces inside of it."""
    parts: list[list[Sign]] = []
    for is_space, group in itertools.groupby(signs, key=lambda sign: sign.kind == "space"):
        run = list(group)
        if is_space:
            spaces = run
        elif parts and are_words(parts[-1]) == are_words(run):
            parts[-1] += [*spaces, *run]
        else:
            parts.append(run)
    return parts


def are_words(signs: Sequence[Sign]) -> bool:
    return not any(sign.kind == "digit" for sign in signs) or certainty(signs) < WORDS_BELOW


def are_label_and_number(left: Sequence[Sign], right: Sequence[Sign]) -> bool:
    """Whether they are far enough apart, and the words long enough, to be no parts of one number."""
    words, number = (left, right) if are_words(left) else (right, left)
    height = float(np.median([sign.box[3] for sign in number if sign.kind == "digit"]))
    (left_edge, _, width, _), (right_edge, *_) = box_around(left), box_around(right)
    gap = right_edge - left_edge - width
    return gap >= APART * height and box_around(words)[2] >= LONG * height


def written(signs: Sequence[Sign]) -> list[Sign]:
    return [sign for sign in signs if sign.kind != "space"]


def certainty(signs: Sequence[Sign]) -> float:
    read = sum(sign.confidence * sign.box[2] for sign in written(signs) if sign.kind != "other")
    return read / max(1, sum(sign.box[2] for sign in written(signs)))


def box_around(signs: Sequence[Sign]) -> Box:
    return ReadLine(list(signs), 0.0, []).box


def words_of(signs: Sequence[Sign]) -> ReadLine:
    confidence = 1 - certainty(signs)
    return ReadLine([Sign("other", "", confidence, box_around(signs))], confidence, [Reading("", confidence)])


def number_of(signs: Sequence[Sign], line: ReadLine) -> ReadLine:
    """As certain as all its signs are; how its label might be read does not matter."""
    confidence = line.trust * math.prod(sign.confidence for sign in signs)
    text = "".join(sign.text for sign in signs)
    return line._replace(signs=list(signs), confidence=confidence, alternatives=[Reading(text, confidence)])
