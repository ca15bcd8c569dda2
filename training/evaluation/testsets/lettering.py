"""Digits and letters of fonts that training never sees, printed and like handwriting."""

from __future__ import annotations

import string
from collections.abc import Iterator

from numpy.random import Generator

from training.datasets import fonts
from training.datasets.fonts import Families, Font
from training.evaluation.testsets.base import Kind, Make, Sample
from training.evaluation.testsets.rendering import any_colours, file_of, inked, placed_anywhere

HEIGHTS = (12, 24, 48, 100, 240)  # pixels, of the character
# The same shape as a digit in some hand or font: o and O 0, l and I 1, z and Z 2, s and S 5, b 6, q and g 9.
LIKE_DIGITS = "oOlIzZsSbqg"


def printed_kind() -> Kind:
    return digits_of("printed digits", "digits of 20 printed fonts, 12 to 240 pixels high", fonts.TEST_PRINTED)


def handwriting_kind() -> Kind:
    about = "digits of 19 fonts like handwriting, 12 to 240 pixels high"
    return digits_of("handwriting fonts", about, fonts.TEST_HANDWRITING)


def digits_of(name: str, about: str, families: Families) -> Kind:
    return Kind(name, about, {family: digits_in(font) for family, font in fonts.load_fonts(families).items()}, each=50)


def letters_kind() -> Kind:
    letters = [each for each in string.ascii_letters if each not in LIKE_DIGITS]
    return letters_of("letters", f"letters of both kinds of fonts, without {LIKE_DIGITS}", letters)


def letters_like_digits_kind() -> Kind:
    return letters_of("letters like digits", f"{LIKE_DIGITS} of the same fonts", list(LIKE_DIGITS))


def letters_of(name: str, about: str, letters: list[str]) -> Kind:
    loaded = list(fonts.load_fonts(fonts.TEST).values())
    return Kind(name, about, {letter: letter_in(loaded, letter) for letter in letters}, each=len(loaded))


def digits_in(font: Font) -> Make:
    """Each digit at each height."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        for index in range(count):
            height = HEIGHTS[index // 10 % len(HEIGHTS)]
            yield Sample(written(font, str(index % 10), height, rng), index % 10)

    return make


def letter_in(loaded: list[Font], letter: str) -> Make:
    """The letter in each font."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        for index in range(count):
            yield Sample(written(loaded[index % len(loaded)], letter, int(rng.choice(HEIGHTS)), rng), None)

    return make


def written(font: Font, character: str, height: int, rng: Generator) -> bytes:
    """Somewhere on a sheet of its own, in any colours."""
    ink = fonts.render_character(font, character, height)
    margin = rng.uniform(0.1, 1, 2) * height
    sheet = (round(ink.shape[0] + margin[0]), round(ink.shape[1] + margin[1]))
    return file_of(inked(placed_anywhere(ink, sheet, rng), *any_colours(rng)))
