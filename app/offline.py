"""Reads picture files and folders without a server."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from tqdm import tqdm

from app import image
from app.errors import ServiceError
from app.model import Images, Model, Probabilities
from app.versions import Manifest

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class Reading:
    """What one file was read as, or why it was not."""

    file: str
    digit: int | None = None
    confidence: float | None = None
    accepted: bool | None = None
    error: str | None = None


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
    prepared = [prepare(file, max_pixels) for file in files]
    images = [each for each in prepared if not isinstance(each, str)]
    rows: Iterator[Probabilities] = iter(model.run(np.stack(images)) if images else [])
    readings = []
    for file, each in zip(files, prepared, strict=True):
        if isinstance(each, str):
            readings.append(Reading(str(file), error=each))
            continue
        probabilities = next(rows)
        confidence = float(probabilities.max())
        readings.append(
            Reading(str(file), int(probabilities.argmax()), confidence, accepted=confidence >= manifest.threshold)
        )
    return readings


def prepare(file: Path, max_pixels: int) -> Images | str:
    """The (28, 28) image, or what is wrong with the file."""
    try:
        return image.to_mnist(image.open_picture(file.read_bytes(), max_pixels))
    except OSError as error:
        return f"It cannot be read: {error.strerror}."
    except ServiceError as error:
        return error.detail


def write_table(readings: Iterable[Reading], out: TextIO) -> None:
    for each in readings:
        if each.error:
            print(f"-           {each.file}: {each.error}", file=out)
        else:
            doubt = "" if each.accepted else "  (not sure)"
            print(f"{each.digit}  {each.confidence:7.2%}  {each.file}{doubt}", file=out)


def write_jsonl(readings: Iterable[Reading], out: TextIO) -> None:
    for each in readings:
        print(json.dumps({name: value for name, value in asdict(each).items() if value is not None}), file=out)


def write_csv(readings: Iterable[Reading], out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(Reading.__dataclass_fields__)
    for each in readings:
        writer.writerow(asdict(each).values())


WRITERS: dict[str, Callable[[Iterable[Reading], TextIO], None]] = {
    "table": write_table,
    "jsonl": write_jsonl,
    "csv": write_csv,
}


def write(readings: Iterable[Reading], layout: str) -> int:
    """Writes every reading to standard output; 1 if any file could not be read."""
    failed = 0

    def counted() -> Iterator[Reading]:
        nonlocal failed
        for each in readings:
            failed += each.error is not None
            yield each

    WRITERS[layout](counted(), sys.stdout)
    if failed:
        print(f"{failed} could not be read", file=sys.stderr)
    return 1 if failed else 0
