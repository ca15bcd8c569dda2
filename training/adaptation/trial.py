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
from training.adaptation.outcome import Comparison
from training.adaptation.reader import Reader
from training.config import ADAPTATION
from training.datasets.mnist import Digits, Split
from training.datasets.own_pictures import MAX_PIXELS, make_own_pictures
from training.evaluation.testsets.base import Sample
from training.evaluation.writers import WRITERS, Writer
from training.networks.sources import source_config
from training.networks.train import load_saved
from training.runs import MODEL_FILE

READ = 200  # pictures of a writer that the user has read,
CORRECTED = 50  # of which so many are corrected or confirmed
MEASURED = 500  # other pictures of the same writer


def try_writers(start: Path, data: Split, out: Path, seed: int, data_dir: Path | None = None) -> Iterator[str]:
    """A block of lines for each writer. `start`: the published version. `data_dir`: of MNIST."""
    trial = Trial(start, data, data_dir)
    for number, writer in enumerate(WRITERS):
        yield trial.of(writer, out / writer.name, np.random.default_rng((seed, number)))


class Trial(NamedTuple):
    """What is the same for all writers."""

    start: Path
    data: Split
    data_dir: Path | None

    def of(self, writer: Writer, out: Path, rng: np.random.Generator) -> str:
        before = Reader.of_version(self.start)
        read, measured = list(writer.samples(READ, rng)), digits_of(list(writer.samples(MEASURED, rng)))
        right = before.is_right(digits_of(read))
        order = np.argsort(right, kind="stable")[:CORRECTED]  # the misread ones first
        write_folders([read[index] for index in order], out / "corrected")
        started = time.perf_counter()
        make_own_pictures(out / "corrected", out / "mine", read_model=no_model)
        config = dataclasses.replace(
            source_config(self.start), **ADAPTATION, start_from=str(self.start), own_pictures=str(out / "mine")
        )
        outcome = adapt(config, self.data, out / "run", data_dir=self.data_dir)
        seconds = time.perf_counter() - started
        after = Reader.of_network(load_saved(out / "run" / MODEL_FILE), self.data.validation, len(config.labels))
        row = Comparison.of(f"{writer.name}, other pictures", before.is_right(measured), after.is_right(measured))
        misread = f"misread {row.n - row.before} -> {row.n - row.after} of {row.n}"
        corrected = f"{int((~right[order]).sum())} of {len(order)} corrections were misread"
        verdict = outcome.objection or "nothing got worse"
        return f"{writer.name}: {misread}; {seconds:.0f} s; {corrected}; {verdict}\n{outcome}\n{row}\n"


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
