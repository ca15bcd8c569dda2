"""Lines of words are told from lines of numbers: most of their ink is in no sign that is read, or in a doubtful one."""

from __future__ import annotations

from app.segmentation.decoding.reading import Reading, ReadLine, Sign

LEAST_SIGNS = 3  # fewer are a number that is hard to read
WORDS_BELOW = 0.5  # mean confidence of a line's signs by their widths, 0 for what is none of those that are read


def words_apart(line: ReadLine) -> ReadLine:
    """A line of words as one sign of the kind "other"; any other line as it is."""
    signs = [sign for sign in line.signs if sign.kind != "space"]
    read = sum(sign.confidence * sign.box[2] for sign in signs if sign.kind != "other")
    certainty = read / max(1, sum(sign.box[2] for sign in signs))
    if len(signs) < LEAST_SIGNS or certainty >= WORDS_BELOW or any(sign.struck for sign in signs):
        return line
    words = Sign("other", "", 1 - certainty, line.box)
    return line._replace(signs=[words], confidence=1 - certainty, alternatives=[Reading("", 1 - certainty)])
