"""Reads picture files and folders without a server."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np
from tqdm import tqdm

from app.arrays import Images, Probabilities
from app.errors import ServiceError
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_mnist
from app.repository.manifest import Manifest
from app.segmentation import document

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class Reading:
    """What one file was read as, or why it was not."""

    file: str
    digit: int | None = None
    confidence: float | None = None
    accepted: bool | None = None
    error: str | None = None


@dataclass(frozen=True)
class PageReading:
    """What one file with several digits was read as, or why it was not."""

    file: str
    text: str | None = None
    confidence: float | None = None  # of the digit that is least sure
    accepted: bool | None = None  # whether each digit is
    error: str | None = None


AnyReading = Reading | PageReading
T = TypeVar("T")


def read_files(
    paths: Iterable[Path], model: Model, manifest: Manifest, *, batch_size: int, max_pixels: int
) -> Iterator[Reading]:
    """One reading a file, in order, with a progress bar on standard error where that is a terminal."""
    files = list(find(paths))
    with tqdm(total=len(files), unit="file", disable=None) as bar:
        for start in range(0, len(files), batch_size):
            chunk = files[start : start + batch_size]
            yield from read_chunk(chunk, model, manifest, max_pixels)
            bar.update(len(chunk))


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named; of folders all pictures in them, at any depth, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES)
        else:
            yield path


def read_chunk(files: list[Path], model: Model, manifest: Manifest, max_pixels: int) -> list[Reading]:
    return readings_of([str(file) for file in files], [prepare(file, max_pixels) for file in files], model, manifest)


def readings_of(
    names: Sequence[str], prepared: Sequence[Images | str], model: Model, manifest: Manifest
) -> list[Reading]:
    """Of (28, 28) images, at most a batch of them, or of what is wrong with a file."""
    images = [each for each in prepared if not isinstance(each, str)]
    rows: Iterator[Probabilities] = iter(model.run(np.stack(images)) if images else [])
    readings = []
    for name, each in zip(names, prepared, strict=True):
        if isinstance(each, str):
            readings.append(Reading(name, error=each))
            continue
        probabilities = next(rows)
        confidence = float(probabilities.max())
        readings.append(
            Reading(name, int(probabilities.argmax()), confidence, accepted=confidence >= manifest.threshold)
        )
    return readings


def prepare(file: Path, max_pixels: int) -> Images | str:
    """The (28, 28) image, or what is wrong with the file."""
    return attempt(file, lambda content: to_mnist(open_picture(content, max_pixels)))


def attempt(file: Path, use: Callable[[bytes], T]) -> T | str:
    """What `use` makes of the file's bytes, or what is wrong with the file."""
    try:
        return use(file.read_bytes())
    except OSError as error:
        return f"It cannot be read: {error.strerror}."
    except ServiceError as error:
        return error.detail


def read_pages(
    paths: Iterable[Path], model: Model, manifest: Manifest, *, max_digits: int, max_pixels: int
) -> Iterator[PageReading]:
    """As `read_files`, of pictures with several digits each."""
    for file in tqdm(list(find(paths)), unit="file", disable=None):
        page = attempt(file, lambda content: document.segment(open_picture(content, max_pixels), max_digits))
        if isinstance(page, str):
            yield PageReading(str(file), error=page)
            continue
        images, size = page.images, model.max_batch_size
        batches = [model.run(images[start : start + size]) for start in range(0, len(images), size)]
        read = page.decode(np.concatenate(batches))
        text = "\n".join("".join(str(each.digit) for each in line) for line in read)
        confidence = min((each.confidence for line in read for each in line), default=0.0)
        yield PageReading(str(file), text, confidence, accepted=confidence >= manifest.threshold)


def write_table(readings: Iterable[AnyReading], out: TextIO) -> None:
    for each in readings:
        if each.error:
            print(f"-           {each.file}: {each.error}", file=out)
        else:
            read = each.digit if isinstance(each, Reading) else (each.text or "").replace("\n", " / ")
            doubt = "" if each.accepted else "  (not sure)"
            print(f"{read}  {each.confidence:7.2%}  {each.file}{doubt}", file=out)


def write_jsonl(readings: Iterable[AnyReading], out: TextIO) -> None:
    for each in readings:
        print(json.dumps({name: value for name, value in asdict(each).items() if value is not None}), file=out)


def write_csv(readings: Iterable[AnyReading], out: TextIO) -> None:
    """With a head, if there is anything below it."""
    writer = csv.writer(out)
    for index, each in enumerate(readings):
        if index == 0:
            writer.writerow(asdict(each))
        writer.writerow(asdict(each).values())


WRITERS: dict[str, Callable[[Iterable[AnyReading], TextIO], None]] = {
    "table": write_table,
    "jsonl": write_jsonl,
    "csv": write_csv,
}


def write(readings: Iterable[AnyReading], layout: str) -> int:
    """Writes every reading to standard output; 1 if any file could not be read."""
    failed = 0

    def counted() -> Iterator[AnyReading]:
        nonlocal failed
        for each in readings:
            failed += each.error is not None
            yield each

    WRITERS[layout](counted(), sys.stdout)
    if failed:
        print(f"{failed} could not be read", file=sys.stderr)
    return 1 if failed else 0
