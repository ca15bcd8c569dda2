"""How the images of each kind of shard are made and labelled."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Image, Images
from app.errors import BlankPicture
from app.inference.session import Model
from app.preprocessing.normalize import preprocess
from training.config import Distortion
from training.datasets import fonts, photos
from training.datasets.mnist import Split
from training.datasets.pen_trajectories import TRAINING_REMAINDERS, PenDigits, load_pen_digits
from training.distillation.soft_targets import distilled, knows_non_digits, smooth_labels, soft_targets
from training.distillation.synthetic_dataset import Examples, Plan
from training.synthesis.augment import distort
from training.synthesis.glyphs import NON_DIGIT, Sources, crop_to_ink
from training.synthesis.pictures import random_picture
from training.synthesis.scenes import drawing

STRONG = Distortion(rotation=15, shift=2, thickness=0.6, erased=0.25)
SLIGHT = Distortion(rotation=10, scale=0.1, shear=0.1, shift=0.5, elastic_alpha=(10, 28), thickness=0.3)
BATCH_SIZE = 100  # images that are distorted with one smoothness of the elastic field
VALIDATION_FONTS = 8  # every eighth font family is kept for validation
VALIDATION_ROWS = 8  # as is every eighth trajectory; its rows do not say who wrote them
# Random streams: the first number of a shard's seed, its own number is the second.
PICTURES = 1
VALIDATION = 2


class DigitKind(NamedTuple):
    """A kind of shard that is made of MNIST's training digits."""

    stream: int  # the first number of a shard's seed
    distortion: Distortion | None
    as_drawings: bool = False


DIGIT_KINDS = {
    "digits": DigitKind(0, STRONG),
    "near": DigitKind(3, SLIGHT),
    "sent": DigitKind(4, SLIGHT, as_drawings=True),
    "plain": DigitKind(0, None),
}


@dataclass(frozen=True)
class ShardMaker:
    plan: Plan
    data: Split
    teachers: Sequence[Model]

    def make(self, kind: str, number: int) -> Examples:
        """One shard: always the same for the same kind and number."""
        if kind in DIGIT_KINDS:
            return self.digits(DIGIT_KINDS[kind], number)
        if kind == "validation":
            return self.labelled_pictures(self.validation_sources, self.generator(VALIDATION, number))
        return self.with_soft_targets(self.labelled_pictures(self.training_sources, self.generator(PICTURES, number)))

    def generator(self, *stream: int) -> Generator:
        """The seed comes last: with 0, NumPy's generator is that of the stream alone, as before there were seeds."""
        return np.random.default_rng((*stream, self.plan.seed))

    @functools.cached_property
    def training_sources(self) -> Sources:
        return Sources(
            self.data.train,
            load_families(validation=False),
            photos.load_photos(photos.TRAINING),
            load_pen_rows(validation=False),
        )

    @functools.cached_property
    def validation_sources(self) -> Sources:
        return Sources(
            self.data.validation,
            load_families(validation=True),
            photos.load_photos(photos.VALIDATION),
            load_pen_rows(validation=True),
        )

    def labelled_pictures(self, sources: Sources, rng: Generator) -> Examples:
        pictures = [random_picture(sources, rng) for _ in range(self.plan.shard_size)]
        return Examples(
            np.stack([image for image, _ in pictures]), smooth_labels(np.array([label for _, label in pictures]))
        )

    def with_soft_targets(self, pictures: Examples) -> Examples:
        """Pictures of digits get the mean of their labels and the predictions of teachers that know non-digits.

        Pictures of non-digits, and of digits that the teachers misread, keep their labels, or the student would learn
        what deceives a teacher.
        """
        share = self.plan.judged
        teachers = [teacher for teacher in self.teachers if knows_non_digits(teacher)]
        if not (teachers and share):
            return pictures
        digits = np.flatnonzero(pictures.targets.argmax(axis=1) != NON_DIGIT)
        predicted = soft_targets(pictures.images[digits], teachers, self.plan.temperature)
        targets = pictures.targets.copy()
        agrees = predicted.argmax(axis=1) == targets[digits].argmax(axis=1)
        targets[digits[agrees]] = (1 - share) * targets[digits[agrees]] + share * predicted[agrees]
        return Examples(pictures.images, targets)

    def digits(self, kind: DigitKind, number: int) -> Examples:
        """The next training digits after those of the shard before, with the teachers' predictions."""
        rng = self.generator(kind.stream, number)
        indices = self.digit_indices(number)
        images, targets = [], []
        for start in range(0, len(indices), BATCH_SIZE):
            batch = render(self.data.train.images[indices[start : start + BATCH_SIZE]], kind, rng)
            images.append(batch)
            targets.append(distilled(batch, self.teachers, self.plan.temperature))
        return Examples(np.concatenate(images), np.concatenate(targets))

    def digit_indices(self, number: int) -> NDArray[np.intp]:
        """All digits come once, in random order, before any comes again."""
        count, start = len(self.data.train), number * self.plan.shard_size
        order = self.generator(start // count).permutation(count)
        return np.take(order, range(start, start + self.plan.shard_size), mode="wrap")


def load_families(*, validation: bool) -> tuple[fonts.Font, ...]:
    """The fonts for training, or those of them that are kept for validation. Raises `PackageError`."""
    families = [
        font
        for group in (fonts.TRAINING_PRINTED, fonts.TRAINING_HANDWRITING)
        for font in fonts.load_fonts(group).values()
    ]
    return tuple(font for index, font in enumerate(families) if (index % VALIDATION_FONTS == 0) == validation)


def load_pen_rows(*, validation: bool) -> PenDigits:
    """The pen trajectories for training, or those of them that are kept for validation. Raises `PackageError`."""
    rows = load_pen_digits(TRAINING_REMAINDERS)
    return rows[(np.arange(len(rows)) % VALIDATION_ROWS == 0) == validation]


def render(images: Images, kind: DigitKind, rng: Generator) -> Images:
    if kind.distortion:
        images = distort(images, kind.distortion, rng)
    return np.stack([send_as_drawing(image, rng) for image in images]) if kind.as_drawings else images


def send_as_drawing(image: Image, rng: Generator) -> Image:
    """The digit at another size on a clean background, and what preprocessing makes of it."""
    try:
        return preprocess(drawing(crop_to_ink(image), rng))
    except BlankPicture:  # the ink is too faint
        return image
