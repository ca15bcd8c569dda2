"""Which of several runs is preferred, by validation data alone: the validation digits and pictures, paired.

Every run reads the same digits and pictures, so that two runs are compared where they differ (McNemar's exact test).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.calibration import softmax, validation_pictures
from training.datasets.mnist import Digits, Split
from training.errors import ConfigError
from training.evaluation.metrics import Correct, PairedTest, mcnemar
from training.export import calibrate_run, predict, read_run
from training.runs import read_config

COLUMN_WIDTHS = (-32, 20, 20, 20, 10, 12, 14, 8)  # characters; negative: aligned to the left


@dataclass(frozen=True)
class Candidate:
    """A run with what it gets right: digits that it reads, non-digits that it refuses."""

    run: Path
    digits: Correct  # of the validation digits
    pictures: Correct  # of the validation pictures; empty if there are none
    shows_digit: Correct  # whether each of the pictures shows one

    @property
    def correct(self) -> Correct:
        return np.concatenate([self.digits, self.pictures])


@dataclass(frozen=True)
class Preference:
    """The candidates in the order they were named, each tested against the best."""

    candidates: Sequence[Candidate]
    best: Candidate  # that is right most often; of equals the one named first
    tests: Sequence[PairedTest]  # of the best (first) and each candidate (second)

    @property
    def preferred(self) -> Candidate:
        """The first that is not significantly worse than the best."""
        pairs = zip(self.candidates, self.tests, strict=True)
        return next(candidate for candidate, test in pairs if not test.significant)

    def table(self) -> Iterator[str]:
        yield align("run", "digits read", "pictures read", "non-digits refused", "right", "only best", "only this", "p")
        for candidate, test in zip(self.candidates, self.tests, strict=True):
            of_digits, others = candidate.pictures[candidate.shows_digit], candidate.pictures[~candidate.shows_digit]
            yield align(
                str(candidate.run),
                *map(share, (candidate.digits, of_digits, others)),
                f"{int(candidate.correct.sum()):,}",
                *(
                    [""] * 3
                    if candidate is self.best
                    else [f"{test.only_first}", f"{test.only_second}", f"{test.p:.3f}"]
                ),
            )
        reason = (
            "right most often"
            if self.preferred is self.best
            else "not significantly worse than the best, and named first"
        )
        yield f"preferred: {self.preferred.run}, {reason}"


def prefer(runs: Sequence[Path], data: Split, pictures: Digits | None) -> Preference:
    """Reads no test data. Without pictures, the validation digits alone decide. Raises `ExportError` or `DataError`."""
    candidates = [judge(run, data.validation, pictures) for run in runs]
    best = max(candidates, key=lambda candidate: int(candidate.correct.sum()))
    return Preference(candidates, best, [mcnemar(best.correct, candidate.correct) for candidate in candidates])


def common_pictures(runs: Sequence[Path]) -> Digits | None:
    """The validation pictures of the synthetic dataset that the runs learnt from.

    Raises `ConfigError` if they learnt from different ones: pictures of the same kind as those that one run learnt from
    would favour it.
    """
    configs = [read_config(run) for run in runs]
    datasets = sorted({config.bank for config in configs})
    if len(datasets) > 1:
        named = " and ".join(dataset or "MNIST alone" for dataset in datasets)
        raise ConfigError(f"the runs learnt from {named}: say whose validation pictures decide with --pictures FOLDER")
    return validation_pictures(configs[0])


def judge(run: Path, digits: Digits, pictures: Digits | None) -> Candidate:
    """A picture of a digit is right if the digit is, a non-digit if its confidence is below the run's own threshold."""
    config, model = read_run(run)
    classes = len(config.labels)
    calibration = calibrate_run(config, model, digits, pictures)

    def outcomes(part: Digits) -> Correct:
        probabilities = softmax(predict(model, part.images) / calibration.temperature)[:, :classes]
        refused = probabilities.max(axis=1) < calibration.threshold
        correct: Correct = np.where(part.labels < classes, probabilities.argmax(axis=1) == part.labels, refused)
        return correct

    nothing = np.zeros(0, np.bool_)
    if pictures is None:
        return Candidate(run, outcomes(digits), nothing, nothing)
    return Candidate(run, outcomes(digits), outcomes(pictures), pictures.labels < classes)


def share(correct: Correct) -> str:
    return f"{correct.mean():.2%} of {len(correct):,}" if len(correct) else "none"


def align(*cells: str) -> str:
    pairs = zip(cells, COLUMN_WIDTHS, strict=True)
    return " ".join(cell.ljust(-width) if width < 0 else cell.rjust(width) for cell, width in pairs)
