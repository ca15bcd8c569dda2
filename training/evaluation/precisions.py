"""The float32 graph and the int8 graph of a network, compared: their size, their speed, and what they read."""

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

    float32: float
    int8: float

    @property
    def ratio(self) -> float:
        return self.float32 / self.int8


@dataclass(frozen=True)
class Comparison:
    """What int8 brings and what it costs, on this machine."""

    size: Pair  # bytes
    seconds: Mapping[int, Pair]  # of a run, by its images
    accuracy: Mapping[str, Pair]  # share read correctly, by data
    agreement: Agreement  # on all data together

    def objections(self) -> list[str]:
        """Why the int8 graph does not pay; empty if it does."""
        speedup = self.seconds[BATCH_SIZES[-1]].ratio
        slow = f"in batches of {BATCH_SIZES[-1]} it is {speedup:.2f} times as fast, and {MIN_SPEEDUP} is required"
        losses = [
            f"of {data} it reads {read.float32 - read.int8:.2%} less, and {MAX_LOSS:.1%} is allowed"
            for data, read in self.accuracy.items()
            if read.float32 - read.int8 > MAX_LOSS
        ]
        return losses if speedup >= MIN_SPEEDUP else [slow, *losses]

    def __str__(self) -> str:
        """A table for the terminal."""
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        yield f"one thread, {describe_cpu()}"
        yield align("", "float32", "int8")
        yield align("bytes", *(f"{size:,.0f}" for size in self.size))
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


def compare(float32: bytes, int8: bytes, data: Mapping[str, Digits], classes: int = CLASSES) -> Comparison:
    """Both graphs on the same data, in one run. The label `classes` stands for a non-digit."""
    models = [Model(graph, "cpu", classes=classes) for graph in (float32, int8)]
    accuracy, predictions = {}, []
    for name, digits in data.items():
        read = [run_in_batches(model, digits.images, BATCH_SIZES[-1]) for model in models]
        accuracy[f"{name}, {len(digits):,}"] = Pair(*(share_read(rows, digits.labels) for rows in read))
        predictions.append(read)
    of_float32, of_int8 = (np.concatenate(rows) for rows in zip(*predictions, strict=True))
    return Comparison(
        size=Pair(len(float32), len(int8)),
        seconds=measure_speed(models),
        accuracy=accuracy,
        agreement=agree(of_float32, of_int8, f"{len(of_int8):,} images"),
    )


def measure_speed(models: Sequence[Model]) -> dict[int, Pair]:
    """The seconds of a run of the float32 and of the int8 graph, by its images."""
    return {size: Pair(*run_seconds(models, size)) for size in BATCH_SIZES}


def survey(
    float32: bytes, int8: bytes, threshold: float, digits: Digits, test_sets: Sequence[TestSet]
) -> Iterator[str]:
    """A line for each test set, for the terminal: of digits the share read correctly, of non-digits the share refused.

    `digits` are MNIST's test digits.
    """
    models = [Model(graph, "cpu") for graph in (float32, int8)]
    for pair in zip(*evaluate_side_by_side(models, threshold, digits, test_sets), strict=True):
        verb = "read" if pair[0].auroc is None else "refused"
        yield align(f"{verb} of {pair[0].test_set}, {pair[0].n:,}", *(f"{result.correct:.2%}" for result in pair))


def share_read(probabilities: Probabilities, labels: Labels) -> float:
    return float((readings(probabilities) == labels).mean())


def readings(probabilities: Probabilities) -> NDArray[np.intp]:
    """(n, classes) -> (n,): the likeliest class, where the remainder to 1 is the probability of a non-digit."""
    classes: NDArray[np.intp] = np.column_stack([probabilities, 1 - probabilities.sum(axis=1)]).argmax(axis=1)
    return classes


def agree(float32: Probabilities, int8: Probabilities, data: str) -> Agreement:
    """How near the predictions of both graphs for the same images are."""
    return Agreement(
        data=data,
        equal_share=float((readings(float32) == readings(int8)).mean()),
        max_abs_difference=float(np.abs(float32 - int8).max()),
    )


def speed_metrics(seconds: Mapping[int, Pair]) -> list[Metric]:
    """For the manifest: how many times as fast as the float32 graph the int8 graph is, and where."""
    where = f"one thread, onnxruntime {onnxruntime.__version__}, {describe_cpu()}"
    return [
        Metric(name="speedup", value=pair.ratio, data=f"batches of {images}, {where}")
        for images, pair in seconds.items()
    ]
