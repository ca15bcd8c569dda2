"""A user's labelled pictures as images to learn from, prepared as the service prepares them.

    images.npz      images (n, 28, 28), their labels (10: no digit) and the number of the picture that each was on
    contents.json   what is in it, counted, with its digest

A picture of several digits is cut up as /read cuts it, and used if as many digits are found on it as it should have.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Images
from app.corrections.record import NO_DIGIT
from app.errors import ServiceError
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from app.segmentation.page_reader import PageReader
from training.datasets.labelled import LabelledPicture, SourceKind, find_labelled
from training.datasets.mnist import Digits, Labels
from training.errors import DataError, RunError
from training.files import atomic_path, locked, write_atomically

IMAGES_FILE = "images.npz"
CONTENTS_FILE = "contents.json"
NO_DIGIT_LABEL = 10
MAX_PIXELS = 50_000_000  # of a picture, as the service's default
MAX_DIGITS = 256  # on a picture

ReadModel = Callable[[], Model]  # loads what tells the digits of a picture of several


@dataclass(frozen=True)
class OwnPictures:
    """Images with their labels; images of one picture have one number in `pictures`."""

    images: Images
    labels: Labels
    pictures: NDArray[np.intp]  # (n,)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digits(self) -> Digits:
        return Digits(self.images, self.labels)

    def __getitem__(self, indices: NDArray[np.intp] | NDArray[np.bool_]) -> OwnPictures:
        return OwnPictures(self.images[indices], self.labels[indices], self.pictures[indices])


class Preparation(NamedTuple):
    """What became of a user's pictures."""

    contents: dict[str, Any]
    problems: list[str]  # a line for each picture that is not used

    def __str__(self) -> str:
        counted = ", ".join(f"{label}: {count}" for label, count in self.contents["labels"].items())
        return f"{self.contents['images']} images of {self.contents['pictures']} pictures ({counted})"


def make_own_pictures(source: Path, out: Path, read_model: ReadModel) -> Preparation:
    """Writes the folder `out`. Raises `DataError` if nothing can be used, `RunError` if `out` holds some already."""
    if (out / CONTENTS_FILE).exists():
        raise RunError(f"{out} holds pictures already: name a new folder with --out")
    found = find_labelled(source)
    prepared, problems = prepare(found.pictures, read_model)
    if not len(prepared):
        reason = next(iter([*found.problems, *problems]), "it has no pictures")
        raise DataError(f"nothing in {source} can be used: {reason}")
    with locked(out):
        with atomic_path(out / IMAGES_FILE) as part, part.open("wb") as file:
            np.savez_compressed(file, images=prepared.images, labels=prepared.labels, pictures=prepared.pictures)
        contents = describe(prepared, found.kind, len(found.problems) + len(problems), out / IMAGES_FILE)
        write_atomically(json.dumps(contents, indent=2) + "\n", out / CONTENTS_FILE)
    return Preparation(contents, [*found.problems, *problems])


def prepare(pictures: list[LabelledPicture], read_model: ReadModel) -> tuple[OwnPictures, list[str]]:
    """The images of all pictures that can be used, and why the others cannot."""
    images: list[Images] = []
    labels: list[int] = []
    numbers: list[int] = []
    problems: list[str] = []
    seen: dict[bytes, LabelledPicture] = {}
    for number, picture in enumerate(pictures):
        try:
            found = images_of(picture, read_model)
            check_new_picture(picture, found, seen)
        except (OSError, ServiceError, DataError) as error:
            problems.append(f"{picture.file}: {getattr(error, 'strerror', None) or error}")
            continue
        images.append(found)
        labels += labels_of(picture.text)
        numbers += [number] * len(found)
    stacked = np.concatenate(images) if images else np.empty((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    return OwnPictures(stacked, np.array(labels, np.uint8), np.array(numbers, np.intp)), problems


def check_new_picture(picture: LabelledPicture, images: Images, seen: dict[bytes, LabelledPicture]) -> None:
    """A copy would stand among what is learnt and what is measured. Raises `DataError`."""
    same = seen.setdefault(hashlib.sha256(images.tobytes()).digest(), picture)
    if same is not picture:
        raise DataError(f"it is the same picture as {same.file}, which shows {same.text}")


def labels_of(text: str) -> list[int]:
    return [NO_DIGIT_LABEL] if text == NO_DIGIT else list(map(int, text))


def images_of(picture: LabelledPicture, read_model: ReadModel) -> Images:
    """One for each digit. Raises `OSError`, `ServiceError`, or `DataError` for another number of digits than told."""
    content = picture.file.read_bytes()
    if len(labels_of(picture.text)) == 1:
        return to_image(open_picture(content, MAX_PIXELS))[np.newaxis]
    found = list(cut_digits(content, read_model()))
    if len(found) != len(picture.text):
        raise DataError(f"{len(found)} digits were found on it, and not {len(picture.text)}")
    return np.stack(found)


def cut_digits(content: bytes, model: Model) -> Iterator[NDArray[np.uint8]]:
    """The digits on a picture in reading order, each as the model sees it on a line."""
    document = PageReader(open_picture(content, MAX_PIXELS), MAX_DIGITS).segment()
    assert document  # in its first turn a page is always segmented
    boxes = [line.placement.on_picture(segment.box) for line in document.lines for segment in line.segments]
    image_at = dict(zip(reversed(boxes), document.images[::-1], strict=True))
    for line in document.decode(model.run(document.images)):
        yield from (image_at[sign.box] for sign in line.digits)


def describe(own: OwnPictures, kind: SourceKind, skipped: int, file: Path) -> dict[str, Any]:
    counts = Counter(own.labels.tolist())
    several = Counter(own.pictures.tolist())
    return {
        "source": kind,
        "pictures": len(several),
        "of_several_digits": sum(count > 1 for count in several.values()),
        "not_used": skipped,
        "images": len(own),
        "labels": {name_of(label): counts[label] for label in sorted(counts)},
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def name_of(label: int) -> str:
    return NO_DIGIT if label == NO_DIGIT_LABEL else str(label)


def read_contents(folder: Path) -> dict[str, Any]:
    """Raises `DataError`."""
    try:
        contents: dict[str, Any] = json.loads((folder / CONTENTS_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} holds no pictures ({CONTENTS_FILE}: {error}): make them with python -m training pictures --from "
            f"FOLDER --out {folder}"
        ) from error
    return contents


def load_own_pictures(folder: Path) -> OwnPictures:
    """Raises `DataError` if they are missing or damaged."""
    contents, file = read_contents(folder), folder / IMAGES_FILE
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        with np.load(file) as arrays:
            own = OwnPictures(arrays["images"], arrays["labels"], arrays["pictures"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({error}): make the pictures again in a new folder") from error
    if digest != contents.get("sha256"):
        raise DataError(f"{file} is not what {CONTENTS_FILE} describes (the sha256 differs): make it again")
    return own
