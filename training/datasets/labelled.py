"""A user's own pictures with what they show: in folders, in a table, or as a service has kept corrections.

    folders       0/ to 9/ and none/, each with pictures at any depth
    table         CSV with the columns file and label; files are named from the table's folder
    corrections   <id>.png with <id>.json, as the service writes them

What cannot be used is named in `problems`, one line each.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from app.corrections.record import NO_DIGIT, PICTURE_SUFFIX, RECORD_SUFFIX, Correction, Record
from app.picture_search import UNSUPPORTED_SUFFIXES, PictureSearch
from training.errors import DataError

FOLDER_NAMES = (*map(str, range(10)), NO_DIGIT)
COLUMNS = ("file", "label")

SourceKind = Literal["folders", "table", "corrections"]


class LabelledPicture(NamedTuple):
    file: Path
    text: str  # the digits on it, from the left to the right, or `NO_DIGIT`


class LabelledPictures(NamedTuple):
    kind: SourceKind
    pictures: list[LabelledPicture]  # in the order of their names, or of the table's rows
    problems: list[str]


def find_labelled(source: Path) -> LabelledPictures:
    """Raises `DataError` if `source` is none of the three."""
    if source.is_file():
        return from_table(source)
    if not source.is_dir():
        raise DataError(f"{source} does not exist: name a folder or a CSV table with --from")
    if any((source / name).is_dir() for name in FOLDER_NAMES):
        return from_folders(source)
    if any(source.glob(f"*{RECORD_SUFFIX}")):
        return from_corrections(source)
    raise DataError(
        f"{source} has no folder named 0 to 9 or {NO_DIGIT} and no corrections: sort the pictures into such folders, "
        "or name a CSV table"
    )


def from_folders(source: Path) -> LabelledPictures:
    pictures, problems = [], []
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if folder.name in FOLDER_NAMES:
            # Formats that are not read too: then the user learns why such a picture is not used.
            pictures += [LabelledPicture(file, folder.name) for file in PictureSearch([folder], UNSUPPORTED_SUFFIXES)]
        else:
            problems.append(f"{folder}: the folder's name is not one of 0 to 9 and {NO_DIGIT}")
    return LabelledPictures("folders", pictures, problems)


def from_table(table: Path) -> LabelledPictures:
    """Raises `DataError` if the columns are missing."""
    pictures, problems = [], []
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.DictReader(file)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise DataError(f"{table} has no columns {' and '.join(COLUMNS)} in its first line")
        for row in rows:
            name, text = ((row[column] or "").strip() for column in COLUMNS)
            if is_text(text):
                pictures.append(LabelledPicture(table.parent / name, text))
            else:
                problems.append(f"{table}, line {rows.line_num}: the label {text!r} is not digits or {NO_DIGIT}")
    return LabelledPictures("table", pictures, problems)


def is_text(text: str) -> bool:
    try:
        Correction(digits=text)
    except ValidationError:
        return False
    return True


def from_corrections(folder: Path) -> LabelledPictures:
    """A picture without a record is none: the service had not finished it."""
    pictures, problems = [], []
    for record in sorted(folder.glob(f"[!.]*{RECORD_SUFFIX}")):
        picture = record.with_suffix(PICTURE_SUFFIX)
        try:
            correction = Record.model_validate_json(record.read_bytes())
            intact = hashlib.sha256(picture.read_bytes()).hexdigest() == correction.sha256
        except FileNotFoundError:
            problems.append(f"{record}: its picture is missing")
        except (OSError, ValidationError) as error:
            problems.append(f"{record}: {str(error).splitlines()[0]}")
        else:
            if intact:
                pictures.append(LabelledPicture(picture, correction.digits))
            else:
                problems.append(f"{picture} is not the picture of its record (the sha256 differs)")
    return LabelledPictures("corrections", pictures, problems)
