"""Whether 50 corrections of one writer help: tried with simulated writers, by what a user would do.

A user has 200 pictures of a writer read, corrects those that were misread and, to fill up 50, confirms some that were
read correctly. The version is adapted to these, and 500 others of the same writer are read.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from training.adaptation.adapt import adapt
from training.adaptation.outcome import Comparison, Outcome
from training.adaptation.reader import Reader
from training.datasets.mnist import Digits, Split
from training.datasets.own_pictures import MAX_PIXELS, make_own_pictures
from training.evaluation.testsets.base import Sample
from training.evaluation.writers import WRITERS, Writer
from training.networks.sources import source_config
from training.networks.train import load_saved
from training.presets import ADAPTATION
from training.runs import MODEL_FILE, read_config

READ = 200  # pictures of a writer that the user has read,
CORRECTED = 50  # of which so many are corrected or confirmed
MEASURED = 500  # other pictures of the same writer


class WriterResult(NamedTuple):
    """What the adaptation to one writer changed."""

    writer: str
    others: Comparison  # other pictures of the same writer
    outcome: Outcome
    misread: int  # of the corrections; the others confirm what was read
    seconds: float  # from the pictures in folders to the table

    def __str__(self) -> str:
        errors = f"misread {self.others.n - self.others.before} -> {self.others.n - self.others.after}"
        verdict = self.outcome.objection or "nothing got worse"
        corrections = f"{CORRECTED} corrections, {self.misread} of them misread"
        title = f"{self.writer}: {errors} of {self.others.n}; {corrections}; {self.seconds:.0f} s; {verdict}"
        return f"{title}\n{self.outcome}\n{self.others}\n"


class Trial(NamedTuple):
    """What is the same for all writers."""

    start: Path  # the published version
    data: Split
    data_dir: Path | None = None  # of MNIST
    bank: str = ""  # a synthetic dataset; empty: each adaptation makes its own

    def of(self, writer: Writer, out: Path, rng: np.random.Generator) -> WriterResult:
        """Writes what a user would have into the new folder `out`."""
        before = Reader.of_version(self.start)
        read, measured = list(writer.samples(READ, rng)), digits_of(list(writer.samples(MEASURED, rng)))
        right = before.is_right(digits_of(read))
        order = np.argsort(right, kind="stable")[:CORRECTED]  # the misread ones first
        write_folders([read[index] for index in order], out / "corrected")
        started = time.perf_counter()
        make_own_pictures(out / "corrected", out / "mine", read_model=no_model)
        given = {"start_from": str(self.start), "own_pictures": str(out / "mine"), "bank": self.bank}
        config = dataclasses.replace(source_config(self.start), **(ADAPTATION | given))
        outcome = adapt(config, self.data, out / "run", data_dir=self.data_dir)
        seconds = time.perf_counter() - started
        after = Reader.of_network(load_saved(out / "run" / MODEL_FILE), read_config(out / "run"), self.data.validation)
        others = Comparison.of(f"other pictures of {writer.name}", before.is_right(measured), after.is_right(measured))
        return WriterResult(writer.name, others, outcome, int((~right[order]).sum()), seconds)

    def of_all(self, out: Path, seed: int) -> Iterator[str]:
        """A block of lines for each writer."""
        for number, writer in enumerate(WRITERS):
            yield str(self.of(writer, out / writer.name, np.random.default_rng((seed, number))))


def digits_of(samples: Sequence[Sample]) -> Digits:
    """The images of pictures that show a digit, as the service makes them."""
    images = np.stack([to_image(open_picture(sample.file, MAX_PIXELS)) for sample in samples])
    return Digits(images, np.array([sample.label for sample in samples], np.uint8))


def write_folders(samples: Sequence[Sample], folder: Path) -> None:
    """As a user sorts pictures: into folders named by the digit."""
    for number, sample in enumerate(samples):
        file = folder / str(sample.label) / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sample.file)


def no_model() -> Model:
    raise AssertionError("each picture shows one digit")
