"""Robustness: how a model does on every test set, through the preprocessing that serves.

Digits count as correct where they are read correctly. Out-of-distribution pictures count as correct where the model
refuses them: its confidence is below the threshold, or preprocessing finds no ink.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.arrays import Image, Probabilities
from app.errors import ServiceError
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from training.datasets.mnist import Digits
from training.evaluation.metrics import (
    Confidences,
    auroc,
    clustered_interval,
    expected_calibration_error,
    reliability_diagram,
)
from training.evaluation.testsets.base import Sample, TestSet

T = TypeVar("T")

BATCH_SIZE = 64  # pictures in one run of the model
MAX_PIXELS = 50_000_000  # of a picture: the service's default
SAMPLES_SHOWN = 12  # pictures of a test set on the contact sheet

JSON_NAMES = {"test_set": "kind", "description": "about", "correct": "right"}  # of survey.json, where they differ
COLUMN_WIDTHS = (-24, 7, 29, 42, 12, 9, 15, 6, 6)  # characters; negative: aligned to the left


@dataclass(frozen=True)
class PictureResult:
    """The prediction for one picture."""

    variant: str
    sample: Sample
    milliseconds: float  # to decode and preprocess the picture
    digit: int | None  # None: refused by preprocessing
    confidence: float  # 0 if refused by preprocessing
    accepted: bool

    @property
    def is_correct(self) -> bool:
        return self.digit == self.sample.label


@dataclass(frozen=True)
class RobustnessResult:
    """The metrics of one test set."""

    test_set: str
    description: str
    n: int
    correct: float  # share
    interval: tuple[float, float]  # 95 % confidence interval of `correct`; pictures of one digit count as a cluster
    accepted: float  # share
    wrong_accepted: float  # share: accepted, and of another digit, or no digit at all
    blank: float  # share refused by preprocessing
    milliseconds: float  # median time to decode and preprocess a picture on the machine that measured
    calibration_error: float | None  # None for non-digits
    auroc: float | None  # of the confidence, MNIST's test digits against this test set; None for digits
    variants: dict[str, float]  # `correct` by variant
    shown: list[PictureResult]  # for the contact sheet

    @property
    def weakest(self) -> str:
        """The variant with the smallest share correct."""
        return min(self.variants, key=self.variants.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """One entry of survey.json: plain values, without the pictures."""
        return {JSON_NAMES.get(name, name): value for name, value in vars(self).items() if name != "shown"}


def evaluate_robustness(
    model: Model, threshold: float, digits: Digits, test_sets: Sequence[TestSet]
) -> list[RobustnessResult]:
    """One result a test set, in order. Shows a progress bar on standard error if that is a terminal.

    A picture is accepted if its confidence reaches `threshold`. `digits` are MNIST's test digits, whose confidences
    are the reference for AUROC.
    """
    (results,) = evaluate_side_by_side([model], threshold, digits, test_sets)
    return results


def evaluate_side_by_side(
    models: Sequence[Model], threshold: float, digits: Digits, test_sets: Sequence[TestSet]
) -> list[list[RobustnessResult]]:
    """For each model what `evaluate_robustness` returns. The pictures, which take most of the time, are made once."""
    references = [compute_confidences(model, digits) for model in models]
    results: list[list[RobustnessResult]] = [[] for _ in models]
    with tqdm(total=sum(map(len, test_sets)), unit="picture", disable=None) as bar:
        for test_set in test_sets:
            bar.set_description(test_set.name)
            pictures = list(advance(bar, classify(models, threshold, test_set.samples())))
            for of_model, reference, found in zip(results, references, zip(*pictures, strict=True), strict=True):
                of_model.append(summarize(test_set, list(found), reference))
    return results


def compute_confidences(model: Model, digits: Digits) -> Confidences:
    batches = (digits.images[start : start + BATCH_SIZE] for start in range(0, len(digits), BATCH_SIZE))
    return np.concatenate([model.run(batch).max(axis=1) for batch in batches])


def advance(bar: tqdm[Any], pictures: Iterable[T]) -> Iterator[T]:
    for picture in pictures:
        bar.update()
        yield picture


def classify(
    models: Sequence[Model], threshold: float, samples: Iterator[tuple[str, Sample]]
) -> Iterator[tuple[PictureResult, ...]]:
    """For each picture what each model makes of it. In batches, as the service does."""
    while chunk := list(itertools.islice(samples, BATCH_SIZE)):
        prepared = [preprocess(sample.file) for _, sample in chunk]
        batch = [image for image, _ in prepared if image is not None]
        rows = [iter(model.run(np.stack(batch)) if batch else ()) for model in models]
        for (variant, sample), (image, milliseconds) in zip(chunk, prepared, strict=True):
            found = [None if image is None else next(row) for row in rows]
            yield tuple(judge(variant, sample, milliseconds, row, threshold) for row in found)


def judge(
    variant: str, sample: Sample, milliseconds: float, row: Probabilities | None, threshold: float
) -> PictureResult:
    """`row` (classes,) is None where the service refuses the picture."""
    if row is None:
        return PictureResult(variant, sample, milliseconds, digit=None, confidence=0.0, accepted=False)
    confidence = float(row.max())
    return PictureResult(variant, sample, milliseconds, int(row.argmax()), confidence, confidence >= threshold)


def preprocess(file: bytes) -> tuple[Image | None, float]:
    """The image and the time it took in milliseconds; None where the service refuses the picture."""
    start = time.perf_counter()
    try:
        image = to_image(open_picture(file, MAX_PIXELS))
    except ServiceError:
        image = None
    return image, (time.perf_counter() - start) * 1000


def summarize(test_set: TestSet, pictures: list[PictureResult], reference: Confidences) -> RobustnessResult:
    of_digits = pictures[0].sample.label is not None
    confidences = np.array([picture.confidence for picture in pictures])
    accepted = np.array([picture.accepted for picture in pictures])
    has_image = np.array([picture.digit is not None for picture in pictures])
    correct = np.array([picture.is_correct for picture in pictures]) if of_digits else ~accepted
    variants = np.array([picture.variant for picture in pictures])
    bins = reliability_diagram(confidences[has_image], correct[has_image]) if of_digits else ()
    return RobustnessResult(
        test_set=test_set.name,
        description=test_set.description,
        n=len(pictures),
        correct=float(correct.mean()),
        interval=clustered_interval(correct, clusters(pictures)),
        accepted=float(accepted.mean()),
        wrong_accepted=float((accepted & ~correct).mean()),
        blank=float(1 - has_image.mean()),
        milliseconds=statistics.median(picture.milliseconds for picture in pictures),
        calibration_error=expected_calibration_error(bins) if of_digits else None,
        auroc=None if of_digits else auroc(reference, confidences),
        variants={name: float(correct[variants == name].mean()) for name in test_set.variants},
        shown=select_evenly(pictures),
    )


def clusters(pictures: Sequence[PictureResult]) -> NDArray[np.intp]:
    """(n,): the digit that each picture was made of; a picture of its own material is alone in its cluster."""
    sources = [picture.sample.source for picture in pictures]
    return np.array([-index - 1 if source is None else source for index, source in enumerate(sources)], np.intp)


def select_evenly(pictures: list[PictureResult]) -> list[PictureResult]:
    """SAMPLES_SHOWN pictures, spread over all variants."""
    indices = np.linspace(0, len(pictures) - 1, min(SAMPLES_SHOWN, len(pictures))).astype(int)
    return [pictures[index] for index in indices]


# --- the table on the terminal ---


def format_table(results: Sequence[RobustnessResult]) -> str:
    """The test sets of digits, then those of non-digits."""
    digits = [result for result in results if result.auroc is None]
    non_digits = [result for result in results if result.auroc is not None]
    return "\n".join(
        [
            format_header("digits", "read correctly", "calibration"),
            *(format_row(result, f"{result.calibration_error:.2%}") for result in digits),
            wrong_of_all(digits),
            "",
            format_header("non-digits", "refused", "AUROC"),
            *(format_row(result, f"{result.auroc:.4f}") for result in non_digits),
        ]
    )


def wrong_of_all(results: Sequence[RobustnessResult]) -> str:
    """The worst fault, over all pictures of digits."""
    pictures = sum(result.n for result in results)
    wrong = sum(result.wrong_accepted * result.n for result in results)
    return f"wrong though accepted: {wrong / max(1, pictures):.2%} of {pictures:,} pictures"


def format_variants(result: RobustnessResult) -> str:
    """A row for each variant of a test set."""
    verb = "read correctly" if result.auroc is None else "refused"
    rows = (f"  {name:40} {share:7.2%}" for name, share in result.variants.items())
    return "\n".join([f"{result.test_set}: {verb}", *rows])


def format_header(title: str, correct: str, figure: str) -> str:
    return align(
        title, "n", f"{correct} (95 %)", "weakest variant", figure, "accepted", "wrong accepted", "blank", "ms"
    )


def format_row(result: RobustnessResult, figure: str) -> str:
    low, high = result.interval
    return align(
        result.test_set,
        f"{result.n:,}",
        f"{result.correct:.2%} ({low:.2%} to {high:.2%})",
        f"{result.variants[result.weakest]:.1%} {result.weakest}",
        figure,
        f"{result.accepted:.2%}",
        f"{result.wrong_accepted:.2%}",
        f"{result.blank:.1%}",
        f"{result.milliseconds:.2f}",
    )


def align(*cells: str) -> str:
    return " ".join(
        cell.ljust(-width) if width < 0 else cell.rjust(width) for cell, width in zip(cells, COLUMN_WIDTHS, strict=True)
    )
