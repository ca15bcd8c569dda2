"""Test sets of fonts that training never sees: digits, and letters, which are out-of-distribution."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator

from numpy.random import Generator

from training.datasets import fonts
from training.datasets.fonts import Families, Font
from training.evaluation.testsets.base import Sample, TestSet, Variant
from training.evaluation.testsets.rendering import colour_ink, encode, place_randomly, random_colours

HEIGHTS = (12, 24, 48, 100, 240)  # pixels, of a character
# The shape of a digit in some handwriting or font: o and O 0, l and I 1, z and Z 2, s and S 5, b 6, q and g 9.
LETTERS_LIKE_DIGITS = "oOlIzZsSbqg"
OTHER_LETTERS = [letter for letter in string.ascii_letters if letter not in LETTERS_LIKE_DIGITS]


def printed_digits() -> TestSet:
    return digits_in_fonts("printed digits", "digits of 20 printed fonts, 12 to 240 pixels high", fonts.TEST_PRINTED)


def handwriting_fonts() -> TestSet:
    description = "digits of 19 handwriting fonts, 12 to 240 pixels high"
    return digits_in_fonts("handwriting fonts", description, fonts.TEST_HANDWRITING)


def digits_in_fonts(name: str, description: str, families: Families) -> TestSet:
    """A variant for each font. Raises `PackageError`."""
    variants = {family: digits_of_font(font) for family, font in fonts.load_fonts(families).items()}
    return TestSet(name, description, variants, pictures_per_variant=50)


def letters() -> TestSet:
    description = f"letters of the printed and the handwriting fonts, without {LETTERS_LIKE_DIGITS}"
    return letters_in_fonts("letters", description, OTHER_LETTERS)


def letters_like_digits() -> TestSet:
    description = f"the letters {LETTERS_LIKE_DIGITS} of the same fonts"
    return letters_in_fonts("letters like digits", description, LETTERS_LIKE_DIGITS)


def letters_in_fonts(name: str, description: str, alphabet: Iterable[str]) -> TestSet:
    """A variant for each letter, with a picture for each font. Raises `PackageError`."""
    loaded = list(fonts.load_fonts(fonts.TEST).values())
    variants = {letter: letter_of_fonts(loaded, letter) for letter in alphabet}
    return TestSet(name, description, variants, pictures_per_variant=len(loaded))


def digits_of_font(font: Font) -> Variant:
    """All ten digits at the first height, then at the next."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        for index in range(count):
            height = HEIGHTS[index // 10 % len(HEIGHTS)]
            yield Sample(render(font, str(index % 10), height, rng), index % 10)

    return make_samples


def letter_of_fonts(loaded: list[Font], letter: str) -> Variant:
    """The letter in one font after the other."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        for index in range(count):
            yield Sample(render(loaded[index % len(loaded)], letter, int(rng.choice(HEIGHTS)), rng), None)

    return make_samples


def render(font: Font, character: str, height: int, rng: Generator) -> bytes:
    """A PNG of the character, `height` pixels high, anywhere on a slightly larger sheet, in random colours."""
    ink = fonts.render_character(font, character, height)
    margin = rng.uniform(0.1, 1, 2) * height
    sheet = (round(ink.shape[0] + margin[0]), round(ink.shape[1] + margin[1]))
    return encode(colour_ink(place_randomly(ink, sheet, rng), *random_colours(rng)))
