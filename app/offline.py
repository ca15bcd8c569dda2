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

from app.arrays import Image, Probabilities
from app.codecs.predictions import describe_prediction, line_texts
from app.errors import ServiceError
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from app.repository.manifest import Manifest
from app.segmentation.document import segment_file

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class DigitResult:
    """The digit of one file, or why there is none."""

    file: str
    digit: int | None = None
    confidence: float | None = None
    accepted: bool | None = None
    error: str | None = None


@dataclass(frozen=True)
class PageResult:
    """The digits of one file with several of them, or why there are none."""

    file: str
    text: str | None = None
    confidence: float | None = None  # the least of its digits
    accepted: bool | None = None  # whether all its digits are
    error: str | None = None


Result = DigitResult | PageResult
T = TypeVar("T")


def read_files(
    paths: Iterable[Path], model: Model, manifest: Manifest, *, batch_size: int, max_pixels: int
) -> Iterator[DigitResult]:
    """One result for each file, in order, with a progress bar on standard error if that is a terminal."""
    files = list(find_files(paths))
    with tqdm(total=len(files), unit="file", disable=None) as bar:
        for start in range(0, len(files), batch_size):
            batch = files[start : start + batch_size]
            images = [attempt(file, lambda content: to_image(open_picture(content, max_pixels))) for file in batch]
            yield from predict_images([str(file) for file in batch], images, model, manifest)
            bar.update(len(batch))


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named; of folders all pictures in them, at any depth, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        else:
            yield path


def attempt(file: Path, process: Callable[[bytes], T]) -> T | str:
    """The result of processing the file's bytes, or an error message."""
    try:
        return process(file.read_bytes())
    except OSError as error:
        return f"The file cannot be read: {error.strerror}."
    except ServiceError as error:
        return error.detail


def predict_images(
    names: Sequence[str], images: Sequence[Image | str], model: Model, manifest: Manifest
) -> list[DigitResult]:
    """`images`: at most a batch of (28, 28), with an error message in place of each that is missing."""
    batch = [image for image in images if not isinstance(image, str)]
    rows: Iterator[Probabilities] = iter(model.run(np.stack(batch)) if batch else [])
    results = []
    for name, image in zip(names, images, strict=True):
        if isinstance(image, str):
            results.append(DigitResult(name, error=image))
        else:
            prediction = describe_prediction(next(rows), manifest.threshold)
            confidence = float(prediction["confidence"])
            results.append(DigitResult(name, prediction["digit"], confidence, prediction["accepted"]))
    return results


def read_pages(
    paths: Iterable[Path], model: Model, manifest: Manifest, *, max_digits: int, max_pixels: int
) -> Iterator[PageResult]:
    """As `read_files`, for pictures with several digits each."""
    for file in tqdm(list(find_files(paths)), unit="file", disable=None):
        document = attempt(file, lambda content: segment_file(content, max_pixels, max_digits))
        if isinstance(document, str):
            yield PageResult(str(file), error=document)
            continue
        images, size = document.images, model.max_batch_size
        batches = [model.run(images[start : start + size]) for start in range(0, len(images), size)]
        lines = document.decode(np.concatenate(batches))
        confidence = min((digit.confidence for line in lines for digit in line), default=0.0)
        text = "\n".join(line_texts(lines))
        yield PageResult(str(file), text, confidence, accepted=confidence >= manifest.threshold)


# --- what is printed --------------------------------------------------------------------------------------------------


def write_table(results: Iterable[Result], out: TextIO) -> None:
    for result in results:
        if result.error:
            print(f"-           {result.file}: {result.error}", file=out)
        else:
            text = result.digit if isinstance(result, DigitResult) else (result.text or "").replace("\n", " / ")
            doubt = "" if result.accepted else "  (not sure)"
            print(f"{text}  {result.confidence:7.2%}  {result.file}{doubt}", file=out)


def write_jsonl(results: Iterable[Result], out: TextIO) -> None:
    for result in results:
        print(json.dumps({name: value for name, value in asdict(result).items() if value is not None}), file=out)


def write_csv(results: Iterable[Result], out: TextIO) -> None:
    """With a header line, unless there is no result."""
    writer = csv.writer(out)
    for index, result in enumerate(results):
        if index == 0:
            writer.writerow(asdict(result))
        writer.writerow(asdict(result).values())


WRITERS: dict[str, Callable[[Iterable[Result], TextIO], None]] = {
    "table": write_table,
    "jsonl": write_jsonl,
    "csv": write_csv,
}


def write(results: Iterable[Result], output_format: str) -> int:
    """Writes the results to standard output. Returns the exit status: 1 if a file could not be read."""
    failed = 0

    def counted() -> Iterator[Result]:
        nonlocal failed
        for result in results:
            failed += result.error is not None
            yield result

    WRITERS[output_format](counted(), sys.stdout)
    if failed:
        print(f"{failed} could not be read", file=sys.stderr)
    return 1 if failed else 0
