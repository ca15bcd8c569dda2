"""Lines of words are told from lines of numbers: most of their signs are none of those that are read, or doubtful."""

from __future__ import annotations

from app.segmentation.decoding.reading import Reading, ReadLine, Sign

LEAST_SIGNS = 3  # fewer are a number that is hard to read
WORDS_BELOW = 0.4  # mean confidence of a line's signs, 0 for what is none of those that are read


def words_apart(line: ReadLine) -> ReadLine:
    """A line of words as one sign of the kind "other"; any other line as it is."""
    signs = [sign for sign in line.signs if sign.kind != "space"]
    certainty = sum(sign.confidence for sign in signs if sign.kind != "other") / max(1, len(signs))
    if len(signs) < LEAST_SIGNS or certainty >= WORDS_BELOW or any(sign.struck for sign in signs):
        return line
    words = Sign("other", "", 1 - certainty, line.box)
    return line._replace(signs=[words], confidence=1 - certainty, alternatives=[Reading("", 1 - certainty)])
