"""Random pictures to learn from: a glyph in a scene, preprocessed by the service's own function.

So training sees what serving sees.
"""

from __future__ import annotations

from numpy.random import Generator

from app.arrays import Image
from app.errors import BlankPicture
from app.preprocessing.normalize import preprocess
from training.synthesis import displays, glyphs, handwriting, non_digits, scenes
from training.synthesis.glyphs import NON_DIGIT, GlyphMaker, Sources, choose_weighted, crop_to_ink
from training.synthesis.scenes import SCENES

# Each maker with its weight: how often it is chosen, relative to the others. 67 % are digits.
MAKERS: list[tuple[GlyphMaker, float]] = [
    (glyphs.handwritten_digit, 0.21),
    (glyphs.redrawn_digit, 0.18),
    (glyphs.printed_digit, 0.15),
    (handwriting.styled_digit, 0.12),
    (handwriting.pen_digit, 0.10),
    (displays.seven_segment_digit, 0.05),
    (displays.dot_matrix_digit, 0.03),
    (glyphs.letter, 0.10),
    (glyphs.word, 0.015),
    (glyphs.several_digits, 0.05),
    (glyphs.half_digit, 0.03),
    (non_digits.scribble, 0.03),
    (non_digits.shape, 0.03),
    (non_digits.blob, 0.015),
    (non_digits.silhouette, 0.025),
    (non_digits.texture_patch, 0.02),
    (non_digits.clutter, 0.03),
    (non_digits.photo_crop, 0.05),
    (glyphs.shuffled_digit, 0.015),
]

NEARLY_EMPTY_SHARE = 0.01  # of the images: such pictures are refused before the network sees them, but tensors are not

# What these make has no background of its own: most of the time it fills the picture.
WITHOUT_BACKGROUND = (non_digits.texture_patch, non_digits.clutter, non_digits.photo_crop)


def random_picture(sources: Sources, rng: Generator) -> tuple[Image, int]:
    """(28, 28), as the network sees the picture, and its label: 0 to 9, or NON_DIGIT."""
    if rng.random() < NEARLY_EMPTY_SHARE:
        return non_digits.nearly_empty_image(rng), NON_DIGIT
    while True:
        maker = choose_weighted(MAKERS, rng)
        glyph, label = maker(sources, rng)
        fills_picture = maker in WITHOUT_BACKGROUND and rng.random() < 0.6
        scene = scenes.full_frame if fills_picture else choose_weighted(SCENES, rng)
        try:
            return preprocess(scene(crop_to_ink(glyph), rng)), label
        except BlankPicture:  # the ink is too faint
            continue
