"""Characters that no MNIST digit went into: what a private run may learn its features from without a cost in privacy.

They are drawn from fonts, from the strokes of `training.synthesis.styles` and from the pen trajectories of UCI's
writers. The makers get no MNIST digits (`NO_DIGITS`), so that one which asked for them would fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import trange

from app.arrays import CLASSES, IMAGE_SIZE, Image, Images
from app.errors import BlankPicture
from app.preprocessing.normalize import centre, fit
from training.datasets import fonts
from training.datasets.mnist import Digits
from training.datasets.pen_trajectories import TRAINING_REMAINDERS, load_pen_digits
from training.synthesis import handwriting
from training.synthesis.glyphs import LETTERS, LabelledGlyph, Sources, character, choose, choose_weighted, warp
from training.synthesis.glyphs import crop_to_ink as crop

CHARACTERS = "".join(map(str, range(CLASSES))) + LETTERS  # the labels: letters make the features richer
NO_DIGITS = Digits(np.zeros((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8), np.zeros(0, np.uint8))
SOFT_EDGES = (0.0, 1.2)  # pixels: MNIST's digits were blurred when they were reduced


def load_public_sources() -> Sources:
    """Fonts and pen trajectories for training, and no digits. Raises `PackageError`."""
    families = fonts.load_fonts({**fonts.TRAINING_PRINTED, **fonts.TRAINING_HANDWRITING})
    return Sources(NO_DIGITS, tuple(families.values()), (), load_pen_digits(TRAINING_REMAINDERS))


def printed_character(sources: Sources, rng: Generator) -> LabelledGlyph:
    """A digit or letter of a font, all characters equally likely."""
    label = int(rng.integers(len(CHARACTERS)))
    return warp(character(choose(sources.fonts, rng), CHARACTERS[label]), rng), label


def printed_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    label = int(rng.integers(CLASSES))
    return warp(character(choose(sources.fonts, rng), CHARACTERS[label]), rng), label


class Maker(NamedTuple):
    """What draws a character, and how often it is chosen, relative to the others."""

    make: Callable[[Sources, Generator], LabelledGlyph]
    weight: float


MAKERS = (
    Maker(handwriting.pen_digit, 0.40),
    Maker(handwriting.styled_digit, 0.20),
    Maker(printed_digit, 0.15),
    Maker(printed_character, 0.25),
)


def make_public_characters(count: int, seed: int, sources: Sources | None = None) -> Digits:
    """`count` images in MNIST's geometry, labelled by their place in `CHARACTERS`. Raises `PackageError`."""
    sources = sources or load_public_sources()
    rng = np.random.default_rng(seed)
    images: Images = np.empty((count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    labels: NDArray[np.uint8] = np.empty(count, np.uint8)
    for index in trange(count, desc="drawing public characters", unit="image"):
        images[index], labels[index] = draw_image(sources, rng)
    return Digits(images, labels)


def draw_image(sources: Sources, rng: Generator) -> tuple[Image, int]:
    """A character in MNIST's geometry, with edges from sharp to soft; and its label."""
    while True:
        glyph, label = choose_weighted(MAKERS, rng)(sources, rng)
        try:
            image = centre(fit(crop(glyph)))
        except BlankPicture:  # a line so thin that nothing is left of it
            continue
        return soften(image, rng), label


def soften(image: Image, rng: Generator) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.1, rng.uniform(*SOFT_EDGES) / 2)), np.uint8)
