"""What a model makes of every kind of picture, through the very pipeline that serves it."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.arrays import Image
from app.errors import ServiceError
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from training.datasets.mnist import Digits
from training.evaluation.metrics import auroc, expected_calibration_error, reliability, wilson_interval
from training.evaluation.testsets.base import Kind, Sample

BATCH_SIZE = 64
MAX_PIXELS = 50_000_000  # the service's default
SHOWN = 12  # pictures of each kind that are kept to be looked at

Confidences = NDArray[np.float32]  # (n,)


@dataclass(frozen=True)
class Reading:
    """What became of one picture."""

    variant: str
    sample: Sample
    milliseconds: float  # to decode it and to bring it into MNIST's geometry
    digit: int | None  # None: refused before the model saw it
    confidence: float  # 0 where it was refused
    accepted: bool

    @property
    def is_right(self) -> bool:
        return self.digit == self.sample.label


@dataclass(frozen=True)
class Outcome:
    """What became of all pictures of one kind. Of digits right is what was read rightly, of others what was refused."""

    kind: str
    about: str
    n: int
    right: float  # share
    interval: tuple[float, float]  # 95 %, of `right`
    accepted: float  # share
    blank: float  # share that was refused before the model saw it
    milliseconds: float  # of the median picture, to decode and prepare it, on the machine that measured it
    calibration_error: float | None  # None: they are no digits
    auroc: float | None  # of the confidence, MNIST's test digits against these; None: they are digits
    variants: dict[str, float]  # `right` of each
    shown: list[Reading]

    @property
    def weakest(self) -> str:
        """The variant with the least that is right."""
        return min(self.variants, key=self.variants.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write: all but the pictures."""
        return {name: value for name, value in vars(self).items() if name != "shown"}


def survey(model: Model, threshold: float, digits: Digits, kinds: Sequence[Kind]) -> list[Outcome]:
    """One outcome a kind, in order, with a progress bar on standard error where that is a terminal.

    A picture counts as accepted from a confidence of `threshold`. `digits` are MNIST's test digits.
    """
    yardstick = confidences(model, digits)
    outcomes = []
    with tqdm(total=sum(map(len, kinds)), unit="picture", disable=None) as bar:
        for kind in kinds:
            bar.set_description(kind.name)
            readings = list(counted(read(model, threshold, kind.samples()), bar))
            outcomes.append(outcome(kind, readings, yardstick))
    return outcomes


def confidences(model: Model, digits: Digits) -> Confidences:
    chunks = (digits.images[start : start + BATCH_SIZE] for start in range(0, len(digits), BATCH_SIZE))
    return np.concatenate([model.run(chunk).max(axis=1) for chunk in chunks])


def counted(readings: Iterable[Reading], bar: tqdm[Any]) -> Iterator[Reading]:
    for reading in readings:
        bar.update()
        yield reading


def read(model: Model, threshold: float, samples: Iterator[tuple[str, Sample]]) -> Iterator[Reading]:
    """In batches, as the service does."""
    while chunk := list(itertools.islice(samples, BATCH_SIZE)):
        images, times = zip(*(prepared(sample.file) for _, sample in chunk), strict=True)
        seen = [image for image in images if image is not None]
        rows: Iterator[Any] = iter(model.run(np.stack(seen)) if seen else [])
        for (variant, sample), image, milliseconds in zip(chunk, images, times, strict=True):
            if image is None:
                yield Reading(variant, sample, milliseconds, digit=None, confidence=0.0, accepted=False)
                continue
            row = next(rows)
            confidence = float(row.max())
            yield Reading(variant, sample, milliseconds, int(row.argmax()), confidence, confidence >= threshold)


def prepared(file: bytes) -> tuple[Image | None, float]:
    """The image the model sees, None where the service refuses the picture, and the milliseconds it took."""
    start = time.perf_counter()
    try:
        image = to_image(open_picture(file, MAX_PIXELS))
    except ServiceError:
        image = None
    return image, (time.perf_counter() - start) * 1000


def outcome(kind: Kind, readings: list[Reading], yardstick: Confidences) -> Outcome:
    is_digit = readings[0].sample.label is not None
    confidence = np.array([each.confidence for each in readings])
    accepted = np.array([each.accepted for each in readings])
    seen = np.array([each.digit is not None for each in readings])
    right = np.array([each.is_right for each in readings]) if is_digit else ~accepted
    variants = np.array([each.variant for each in readings])
    return Outcome(
        kind=kind.name,
        about=kind.about,
        n=len(readings),
        right=float(right.mean()),
        interval=wilson_interval(int(right.sum()), len(readings)),
        accepted=float(accepted.mean()),
        blank=float(1 - seen.mean()),
        milliseconds=statistics.median(each.milliseconds for each in readings),
        calibration_error=calibration(confidence[seen], right[seen]) if is_digit else None,
        auroc=None if is_digit else auroc(yardstick, confidence),
        variants={name: float(right[variants == name].mean()) for name in kind.variants},
        shown=spread(readings),
    )


def calibration(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> float:
    return expected_calibration_error(reliability(confidence, right))


def spread(readings: list[Reading]) -> list[Reading]:
    """As many as are shown, from all variants evenly."""
    every = np.linspace(0, len(readings) - 1, min(SHOWN, len(readings))).astype(int)
    return [readings[index] for index in every]


def table(outcomes: Sequence[Outcome]) -> str:
    """For a terminal: digits first, then what is none."""
    digits = [line_of(each, f"{each.calibration_error:.2%}") for each in outcomes if each.auroc is None]
    others = [line_of(each, f"{each.auroc:.4f}") for each in outcomes if each.auroc is not None]
    return "\n".join(
        [
            heading("digits", "read rightly", "calibration"),
            *digits,
            "",
            heading("no digits", "refused", "AUROC"),
            *others,
        ]
    )


def heading(kind: str, right: str, figure: str) -> str:
    return columns(kind, "n", f"{right} (95 %)", "weakest", figure, "accepted", "blank", "ms")


def line_of(each: Outcome, figure: str) -> str:
    low, high = each.interval
    return columns(
        each.kind,
        f"{each.n:,}",
        f"{each.right:.2%} ({low:.2%} to {high:.2%})",
        f"{each.variants[each.weakest]:.1%} {each.weakest}",
        figure,
        f"{each.accepted:.2%}",
        f"{each.blank:.1%}",
        f"{each.milliseconds:.2f}",
    )


def columns(*cells: str) -> str:
    widths = (-24, 7, 29, 42, 12, 9, 6, 6)
    return " ".join(
        each.ljust(-width) if width < 0 else each.rjust(width) for each, width in zip(cells, widths, strict=True)
    )
