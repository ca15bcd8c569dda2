"""The pictures that the evaluation makes: what people send, and what they should not.

They are made without a look at how training makes its own, and from what training never sees: MNIST's test digits, the
fonts of `training.datasets.fonts.TEST`, Fashion-MNIST, the pictures that scikit-learn and scikit-image ship.
`all_kinds` is the whole of it; no figure may be used to choose a model, or it is none any more.
"""

from __future__ import annotations

from training.datasets.mnist import Digits
from training.evaluation.testsets import corruptions, external, files, lettering, ood, photos, strokes
from training.evaluation.testsets.base import Kind


def all_kinds(digits: Digits) -> list[Kind]:
    """With a digit, then without. Raises `PackageError` if what others collected cannot be fetched."""
    return [
        files.plain_kind(digits),
        files.kind(digits),
        external.small_scans_kind(),
        strokes.kind(digits),
        photos.kind(digits),
        photos.large_kind(digits),
        lettering.printed_kind(),
        lettering.handwriting_kind(),
        corruptions.kind(digits),
        lettering.letters_kind(),
        lettering.letters_like_digits_kind(),
        external.clothing_kind(),
        ood.noise_kind(),
        ood.shapes_kind(),
        ood.shapes_like_digits_kind(),
        ood.scribbles_kind(),
        external.photos_kind(),
        ood.several_kind(digits),
    ]
