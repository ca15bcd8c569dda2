"""Test sets: what people send, and out-of-distribution pictures, which a model should refuse.

Made independently of the training pictures and from other material: MNIST's test digits, the fonts of
`training.datasets.fonts.TEST`, strokes drawn for these test sets, pen trajectories, Fashion-MNIST, and pictures of
scikit-learn and scikit-image. Never choose a model by these figures: they would no longer say how it does on unseen
pictures.
"""

from __future__ import annotations

from training.datasets.mnist import Digits
from training.evaluation.testsets import (
    corruptions,
    external,
    files,
    lettering,
    ood,
    pen_trajectories,
    photos,
    strokes,
    styles,
)
from training.evaluation.testsets.base import TestSet


def all_test_sets(digits: Digits) -> list[TestSet]:
    """The test sets of digits, then those of non-digits; `digits` are MNIST's test digits. Raises `PackageError`."""
    return [
        files.mnist_as_png(digits),
        files.file_formats(digits),
        external.small_scans(),
        strokes.pen_strokes(digits),
        styles.writing_styles(),
        pen_trajectories.pen_trajectories(),
        photos.phone_photos(digits),
        photos.large_phone_photos(digits),
        lettering.printed_digits(),
        lettering.handwriting_fonts(),
        corruptions.corrupted_digits(digits),
        lettering.letters(),
        lettering.letters_like_digits(),
        external.clothing(),
        ood.noise(),
        ood.shapes(),
        ood.shapes_like_digits(),
        ood.scribbles(),
        external.photos_of_other_things(),
        ood.several_digits(digits),
    ]
