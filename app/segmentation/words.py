"""Words are told from numbers: most of their ink is in no sign that is read, or in a doubtful one.

A word far from its number is a label, and a line of its own; near it, it is a unit or an abbreviation, and a sign of
the line that is none of those that are read.
"""

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
CERTAIN = 0.9  # a number beside such a word is as certain, and not of one sign that
LIKE_LETTERS = "10"  # may be a letter
POINTS = ("point", "comma", "colon", "space")  # alone they are holes, dirt, or what a pen left


def words_apart(line: ReadLine) -> list[ReadLine]:
    """A line of words is one sign of the kind "other"; a number beside its label is a line of its own.

    A unit behind a number, or an abbreviation before it, is one such sign on the number's line.
    """
    if any(sign.struck for sign in line.signs):
        return [line]
    if all(sign.kind in POINTS for sign in line.signs):
        return [words_of(line.signs)]
    parts = parts_of(line.signs)
    if len(parts) > 1 and all(itertools.starmap(are_label_and_number, itertools.pairwise(parts))):
        return [words_of(part) if are_words(part) else number_of(part, line) for part in parts]
    is_long = len(written(line.signs)) >= LEAST_SIGNS
    if not is_long or certainty(line.signs) >= WORDS_BELOW:
        return [line]
    if are_number_and_word(parts):
        return [beside_word(parts, line)]
    return [line if is_number_beside_letters(line.signs) else words_of(line.signs)]


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


def are_number_and_word(parts: Sequence[Sequence[Sign]]) -> bool:
    """Whether a line is a number with one word before or behind it."""
    numbers = [part for part in parts if not are_words(part)]
    return len(parts) == 2 and len(numbers) == 1 and is_number(numbers[0])


def is_number_beside_letters(signs: Sequence[Sign]) -> bool:
    """Whether a line is a number with letters before or behind it that are no signs."""
    runs = [(is_other, [*run]) for is_other, run in itertools.groupby(signs, key=lambda sign: sign.kind == "other")]
    numbers = [run for is_other, run in runs if not is_other]
    return len(runs) == 2 and is_number(numbers[0])


def is_number(signs: Sequence[Sign]) -> bool:
    """Whether all of it is read, and is no letter."""
    text = "".join(sign.text for sign in signs)
    return certainty(signs) >= CERTAIN and (len(text) > 1 or text not in LIKE_LETTERS)


def beside_word(parts: Sequence[Sequence[Sign]], line: ReadLine) -> ReadLine:
    """A number and a word, which is one sign."""
    signs = [sign for part in parts for sign in (words_of(part).signs if are_words(part) else part)]
    (number,) = (number_of(part, line) for part in parts if not are_words(part))
    return number._replace(signs=signs)


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
