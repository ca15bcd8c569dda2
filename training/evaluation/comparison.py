"""Two graphs of a network, compared, float32 and int8 or before and after pruning: size, speed, and what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.arrays import CLASSES, Probabilities
from app.inference.session import Model
from app.repository.manifest import Agreement, Metric
from app.repository.precision import MIN_SPEEDUP
from training.datasets.mnist import Digits, Labels
from training.evaluation.predictions import run_in_batches
from training.evaluation.robustness import evaluate_side_by_side
from training.evaluation.speed import describe_cpu, run_seconds
from training.evaluation.testsets.base import TestSet

BATCH_SIZES = (1, 8, 64)  # images; the last one is the service's largest batch
MAX_LOSS = 0.001  # of the share that is read correctly
TITLE_WIDTH = 44  # characters
FIGURE_WIDTH = 10


class Pair(NamedTuple):
    """A figure of both graphs."""

    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.before / self.after


@dataclass(frozen=True)
class Comparison:
    """What a smaller graph brings and what it costs, on this machine."""

    size: Pair  # bytes
    seconds: Mapping[int, Pair]  # of a run, by its images
    accuracy: Mapping[str, Pair]  # share read correctly, by data
    agreement: Agreement  # on all data together
    multiply_adds: Pair | None = None  # for one image, where they differ
    names: tuple[str, str] = ("float32", "int8")

    def objections(self) -> list[str]:
        """Why the smaller graph does not pay; empty if it does."""
        speedup = self.seconds[BATCH_SIZES[-1]].ratio
        slow = f"in batches of {BATCH_SIZES[-1]} it is {speedup:.2f} times as fast, and {MIN_SPEEDUP} is required"
        losses = [
            f"of {data} it reads {read.before - read.after:.2%} less, and {MAX_LOSS:.1%} is allowed"
            for data, read in self.accuracy.items()
            if read.before - read.after > MAX_LOSS
        ]
        return losses if speedup >= MIN_SPEEDUP else [slow, *losses]

    def __str__(self) -> str:
        """A table for the terminal."""
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        yield f"one thread, {describe_cpu()}"
        yield align("", *self.names)
        yield align("bytes", *(f"{size:,.0f}" for size in self.size))
        if self.multiply_adds:
            left = f"{1 / self.multiply_adds.ratio:.0%} are left"
            yield align("multiply-adds", *(f"{number:,.0f}" for number in self.multiply_adds), left)
        for images, seconds in self.seconds.items():
            figures = [f"{time * 1e6:,.0f}" for time in seconds]
            yield align(f"microseconds of a run of {images}", *figures, f"{seconds.ratio:.2f} times as fast")
        for data, read in self.accuracy.items():
            yield align(f"read of {data}", *(f"{share:.2%}" for share in read))
        yield (
            f"{self.agreement.equal_share:.2%} of {self.agreement.data} read the same, "
            f"probabilities differ by up to {self.agreement.max_abs_difference:.2g}"
        )


def align(title: str, *figures: str) -> str:
    return " ".join([title.ljust(TITLE_WIDTH), *(figure.rjust(FIGURE_WIDTH) for figure in figures)])


def compare(before: bytes, after: bytes, data: Mapping[str, Digits], classes: int = CLASSES) -> Comparison:
    """Both graphs on the same data, in one run. The label `classes` stands for a non-digit."""
    models = [Model(graph, "cpu", classes=classes) for graph in (before, after)]
    accuracy, predictions = {}, []
    for name, digits in data.items():
        read = [run_in_batches(model, digits.images, BATCH_SIZES[-1]) for model in models]
        accuracy[f"{name}, {len(digits):,}"] = Pair(*(share_read(rows, digits.labels) for rows in read))
        predictions.append(read)
    of_before, of_after = (np.concatenate(rows) for rows in zip(*predictions, strict=True))
    return Comparison(
        size=Pair(len(before), len(after)),
        seconds=measure_speed(models),
        accuracy=accuracy,
        agreement=agree(of_before, of_after, f"{len(of_after):,} images"),
    )


def measure_speed(models: Sequence[Model]) -> dict[int, Pair]:
    """The seconds of a run of both graphs, by its images."""
    return {size: Pair(*run_seconds(models, size)) for size in BATCH_SIZES}


def survey(
    before: bytes, after: bytes, threshold: float, digits: Digits, test_sets: Sequence[TestSet]
) -> Iterator[str]:
    """A line for each test set, for the terminal: of digits the share read correctly, of non-digits the share refused.

    `digits` are MNIST's test digits.
    """
    models = [Model(graph, "cpu") for graph in (before, after)]
    for pair in zip(*evaluate_side_by_side(models, threshold, digits, test_sets), strict=True):
        verb = "read" if pair[0].auroc is None else "refused"
        yield align(f"{verb} of {pair[0].test_set}, {pair[0].n:,}", *(f"{result.correct:.2%}" for result in pair))


def share_read(probabilities: Probabilities, labels: Labels) -> float:
    return float((readings(probabilities) == labels).mean())


def readings(probabilities: Probabilities) -> NDArray[np.intp]:
    """(n, classes) -> (n,): the likeliest class, where the remainder to 1 is the probability of a non-digit."""
    classes: NDArray[np.intp] = np.column_stack([probabilities, 1 - probabilities.sum(axis=1)]).argmax(axis=1)
    return classes


def agree(before: Probabilities, after: Probabilities, data: str) -> Agreement:
    """How near the predictions of both graphs for the same images are."""
    return Agreement(
        data=data,
        equal_share=float((readings(before) == readings(after)).mean()),
        max_abs_difference=float(np.abs(before - after).max()),
    )


def speed_metrics(seconds: Mapping[int, Pair]) -> list[Metric]:
    """For the manifest: how many times as fast as the float32 graph the int8 graph is, and where."""
    where = f"one thread, onnxruntime {onnxruntime.__version__}, {describe_cpu()}"
    return [
        Metric(name="speedup", value=pair.ratio, data=f"batches of {images}, {where}")
        for images, pair in seconds.items()
    ]
