"""Reads picture files without a server."""

from __future__ import annotations

import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO, NamedTuple, ParamSpec, TypeVar

import numpy as np
from tqdm import tqdm

from app.arrays import CLASSES, Image, Images, Probabilities
from app.codecs.predictions import describe_prediction, full_text
from app.documents.pages import open_document, pages_of
from app.documents.pdf import can_render
from app.errors import BodyTooLarge, InvalidRequest, ServiceError, StartupError
from app.formats.heif import can_read_heif
from app.inference.session import Model
from app.picture_search import STANDARD_INPUT
from app.preprocessing.decode import Picture, decode, open_picture
from app.preprocessing.normalize import to_image
from app.repository.manifest import Manifest
from app.segmentation.fields.form_reader import FormReader
from app.segmentation.fields.proposal import propose
from app.segmentation.fields.reader import ReadField
from app.segmentation.fields.template import Template
from app.segmentation.page_reader import PageReader

FILE_BYTES_PER_PIXEL = 8  # RGBA of 16 bits, not compressed
FILE_BYTES_BESIDE_PIXELS = 16 * 2**20  # profiles and previews
PHOTO_SUFFIXES = (".heic", ".heif", ".hif")
DOCUMENT_SUFFIXES = (".pdf",)


@dataclass(frozen=True)
class DigitResult:
    """The digit of one file, or why there is none."""

    file: str
    digit: int | None = None
    confidence: float | None = None
    accepted: bool | None = None
    error: str | None = None

    @property
    def cells(self) -> Sequence[object]:
        """For CSV."""
        return tuple(asdict(self).values())

    @property
    def summary(self) -> str:
        """For a table."""
        return str(self.digit)


@dataclass(frozen=True)
class PageResult:
    """The digits of one file with several of them, or of one page of a document, or why there are none."""

    file: str
    text: str | None = None
    confidence: float | None = None  # the least of its lines
    accepted: bool | None = None  # whether all its lines are
    error: str | None = None

    @property
    def cells(self) -> Sequence[object]:
        return tuple(asdict(self).values())

    @property
    def summary(self) -> str:
        return (self.text or "").replace("\n", " / ")


@dataclass(frozen=True)
class FieldResult:
    text: str
    confidence: float
    accepted: bool


@dataclass(frozen=True)
class FormResult:
    """The fields of one file, or why there are none."""

    file: str
    fields: Mapping[str, FieldResult]
    confidence: float | None = None  # the least of its fields
    accepted: bool | None = None  # whether all its fields are
    error: str | None = None

    @property
    def cells(self) -> Sequence[object]:
        """The texts of the fields, and the names of those that are not accepted."""
        doubtful = ", ".join(name for name, found in self.fields.items() if not found.accepted)
        return self.file, *(found.text for found in self.fields.values()), doubtful, self.error

    @property
    def summary(self) -> str:
        return "  ".join(f"{name}={found.text}" for name, found in self.fields.items())


Result = DigitResult | PageResult | FormResult
DIGIT_COLUMNS = [column.name for column in fields(DigitResult)]  # of CSV
PAGE_COLUMNS = [column.name for column in fields(PageResult)]
P = ParamSpec("P")
T = TypeVar("T")


def optional_suffixes(*, documents: bool) -> list[str]:
    """Of the files that are read because an extra is installed. `documents`: those of several pages too."""
    photos = PHOTO_SUFFIXES if can_read_heif() else ()
    return [*photos, *(DOCUMENT_SUFFIXES if documents and can_render() else ())]


def read_files(
    files: Iterable[Path], model: Model, manifest: Manifest, *, batch_size: int, max_pixels: int
) -> Iterator[DigitResult]:
    """One result for each file, in order, with a progress bar."""
    with progress_bar() as bar:
        for batch in batches(files, batch_size):
            images = [attempt(read_image, file, max_pixels) for file in batch]
            yield from predict_images([unicode_name(file) for file in batch], images, model, manifest)
            bar.update(len(batch))


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def progress_bar() -> tqdm:
    """Shown on a terminal, unless the results are already."""
    terminals = [stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)]
    return tqdm(unit="file", disable=terminals != [False, True])


def attempt(process: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | str:
    """The result of processing a picture, or an error message: no picture stops the run."""
    try:
        return process(*arguments, **options)
    except OSError as error:
        return f"The file cannot be read: {error.strerror or error}."
    except ServiceError as error:
        return error.detail
    except Exception as error:  # noqa: BLE001  # whatever a picture makes a library raise
        return f"The picture cannot be read because of an unexpected error: {type(error).__name__}: {error}."


def read_image(file: Path, max_pixels: int) -> Image:
    return image_of(read_content(file, max_pixels), max_pixels)


def image_of(content: bytes, max_pixels: int) -> Image:
    return to_image(open_picture(content, max_pixels))


def read_content(file: Path, max_pixels: int) -> bytes:
    """Raises `OSError`, `InvalidRequest`, and `BodyTooLarge` for more bytes than a picture of so many pixels has."""
    max_bytes = FILE_BYTES_PER_PIXEL * max_pixels + FILE_BYTES_BESIDE_PIXELS
    with open_file(file) as opened:
        status = os.fstat(opened.fileno())
        content = opened.read() if 0 < status.st_size <= max_bytes else opened.read(max_bytes + 1)  # a pipe has no size
    if not content and stat.S_ISFIFO(status.st_mode) and file != STANDARD_INPUT:
        raise InvalidRequest("The file is a pipe into which no program writes: name a file.")
    if len(content) > max_bytes:
        raise BodyTooLarge(f"The file has more than {max_bytes:,} bytes: save the picture in a smaller file.")
    return content


def open_file(file: Path) -> BinaryIO:
    if file == STANDARD_INPUT:
        return open(0, "rb", closefd=False)
    return open(file, "rb", opener=open_at_once)


def open_at_once(path: str, flags: int) -> int:
    """In place of `os.open`, which waits until a named pipe has a writer."""
    if not hasattr(os, "O_NONBLOCK"):  # Windows has no such pipes among its files
        return os.open(path, flags)
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def unicode_name(file: Path) -> str:
    """The name in valid Unicode: its bytes that are not UTF-8 become \\xNN."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


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
    files: Iterable[Path], model: Model, manifest: Manifest, *, max_digits: int, max_pixels: int
) -> Iterator[PageResult]:
    """As `read_files`, for pictures with several digits each; of documents a result for each page."""
    with progress_bar() as bar:
        for file in files:
            for name, picture in pictures_of(file, max_pixels):
                page = picture if isinstance(picture, str) else attempt(read_page, picture, model, max_digits)
                yield page_result(name, page, manifest.threshold)
            bar.update()


def pictures_of(file: Path, max_pixels: int) -> Iterator[tuple[str, Picture | str]]:
    """A picture with its name, or the pages of a document, as file#page=1 (RFC 8118).

    An error message is in place of what cannot be opened.
    """
    name, content = unicode_name(file), attempt(read_content, file, max_pixels)
    document = content if isinstance(content, str) else attempt(open_document, content, max_pixels)
    if isinstance(content, str) or isinstance(document, str):
        yield name, str(document)
    elif not document:
        yield name, attempt(open_picture, content, max_pixels)
    else:
        pages = pages_of(document, None, max_pages=sys.maxsize)
        while page := attempt(next, pages, None):
            if isinstance(page, str):
                yield name, page
                return
            yield f"{name}#page={page.number}", page.picture


def read_page(picture: Picture, model: Model, max_digits: int) -> PageReader:
    """After it has read."""
    reader = PageReader(picture, max_digits)
    while document := reader.segment():
        reader.add(document.decode(run_in_batches(document.images, model)))
    return reader


def run_in_batches(images: Images, model: Model) -> Probabilities:
    size = model.max_batch_size
    rows = [model.run(images[start : start + size]) for start in range(0, len(images), size)]
    return np.concatenate(rows) if rows else np.empty((0, CLASSES), np.float32)


def page_result(name: str, reader: PageReader | str, threshold: float) -> PageResult:
    """`reader`: of a page that was read, or an error message in its place."""
    if isinstance(reader, str):
        return PageResult(name, error=reader)
    lines = reader.page.lines
    confidence = min((line.confidence for line in lines), default=0.0)
    accepted = bool(lines) and all(line.is_accepted(threshold) for line in lines)
    return PageResult(name, full_text(lines), confidence, accepted)


# --- forms -----------------------------------------------------------------------------------------------------------


class Limits(NamedTuple):
    """What one picture may have. A document may have any number of pages."""

    max_digits: int
    max_pixels: int


def read_forms(
    files: Iterable[Path], template: Template, model: Model, manifest: Manifest, limits: Limits
) -> Iterator[FormResult]:
    """As `read_files`, for forms."""
    with progress_bar() as bar:
        for file in files:
            for name, picture in pictures_of(file, limits.max_pixels):
                form = picture if isinstance(picture, str) else attempt(read_form, picture, template, model, limits)
                yield form_result(name, form, template, manifest.threshold)
            bar.update()


def read_form(picture: Picture, template: Template, model: Model, limits: Limits) -> Mapping[str, ReadField]:
    reader = FormReader(picture, template, limits.max_digits)
    while fields := reader.segment():
        reader.add(fields.decode(run_in_batches(fields.images, model)))
    return reader.fields


def form_result(name: str, form: Mapping[str, ReadField] | str, template: Template, threshold: float) -> FormResult:
    """`form`: its fields, or an error message in their place."""
    if isinstance(form, str):
        return FormResult(name, dict.fromkeys(template.fields, FieldResult("", 0.0, accepted=False)), error=form)
    found = {
        field: FieldResult(read.text, read.confidence, read.is_accepted(threshold)) for field, read in form.items()
    }
    accepted = all(result.accepted for result in found.values())
    return FormResult(name, found, min(result.confidence for result in found.values()), accepted)


def columns_of_forms(template: Template) -> list[str]:
    """Of CSV, as `FormResult.cells`."""
    return ["file", *template.fields, "doubtful", "error"]


def propose_template(file: Path, max_pixels: int) -> Template:
    """Raises `StartupError`."""
    proposed = attempt(propose_from_file, file, max_pixels)
    if isinstance(proposed, str):
        raise StartupError(f"{unicode_name(file)}: {proposed}")
    if proposed is None:
        raise StartupError(f"{unicode_name(file)}: there is no box on the picture: write the template by hand")
    return proposed


def propose_from_file(file: Path, max_pixels: int) -> Template | None:
    return propose(decode(open_picture(read_content(file, max_pixels), max_pixels)))
