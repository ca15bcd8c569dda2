"""The fields of a form, each read under its own constraints.

reader = FieldReader(document, template, max_digits)
fields = reader.decode(...)      the model has read `reader.images`
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.arrays import IMAGE_SIZE, Images, Probabilities
from app.errors import BlankPicture
from app.observability.request_context import check_deadline
from app.segmentation.decoding.reading import Box, Reading, ReadLine
from app.segmentation.decorations.undecorated import UndecoratedPage
from app.segmentation.document import Document, segment_undecorated
from app.segmentation.fields.outline_erasure import erase_outlines_of
from app.segmentation.fields.regions import Components, FieldInk, FlatDocument, Region
from app.segmentation.fields.template import Template
from app.segmentation.oversegmentation import SEGMENTS_PER_DIGIT, too_many_digits

EMPTY = Document([], np.zeros((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8))


class ReadField(NamedTuple):
    """What was read in a field; its lines from the top to the bottom, none if it is empty."""

    lines: list[ReadLine]
    box: Box  # in pixels of the picture as it was sent, upright
    satisfies: bool  # its constraints
    is_placed: bool  # the form was found by what its template says it is found by

    def is_accepted(self, threshold: float) -> bool:
        """`threshold`: of a sign. An empty field is not."""
        certain = bool(self.lines) and all(line.is_accepted(threshold) for line in self.lines)
        return certain and self.satisfies and self.is_placed

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        return min((line.confidence for line in self.lines), default=0.0)

    @property
    def alternatives(self) -> list[Reading]:
        """Of several lines only the likeliest."""
        return self.lines[0].alternatives if len(self.lines) == 1 else [Reading(self.text, self.confidence)]


class FieldReader:
    """One document while the fields on it are read."""

    def __init__(self, document: FlatDocument, template: Template, max_digits: int, *, is_placed: bool = True) -> None:
        """`is_placed`: else no field is accepted. Raises `TooManyDigits`."""
        self.is_placed = is_placed
        self.fields = template.fields
        self.regions = {name: Region.of(field, document) for name, field in template.fields.items()}
        self.boxes = {name: region.on_picture(document.to_picture) for name, region in self.regions.items()}
        written = erase_outlines_of(document.ink, self.regions.values())
        self.documents = self.segment(Components(written, document.to_picture), max_digits)
        self.images: Images = np.concatenate([field.images for field in self.documents.values()])

    def segment(self, components: Components, max_digits: int) -> dict[str, Document]:
        documents, left = {}, SEGMENTS_PER_DIGIT * max_digits  # images
        for name, region in self.regions.items():
            check_deadline()
            documents[name] = segment_field(components.inside(region), max_digits)
            left -= len(documents[name].images)
            if left < 0:
                raise too_many_digits(max_digits)
        return documents

    def decode(self, probabilities: Probabilities, alternatives: int = 1) -> dict[str, ReadField]:
        """By name, given a row (10,) for each of `images`."""
        ends = np.cumsum([len(document.images) for document in self.documents.values()])[:-1]
        rows_of_fields = zip(self.fields, np.split(probabilities, ends), strict=True)
        return {name: self.decode_field(name, rows, alternatives) for name, rows in rows_of_fields}

    def decode_field(self, name: str, rows: Probabilities, alternatives: int) -> ReadField:
        document = self.documents[name]
        automaton = self.fields[name].automaton()
        lines = document.decode(rows, alternatives, automaton) if document.lines else []
        satisfies = all(line.satisfies for line in lines) and bool(lines or automaton is None)
        return ReadField(lines, self.boxes[name], satisfies, self.is_placed)


def segment_field(found: FieldInk | None, max_digits: int) -> Document:
    if not found:
        return EMPTY
    try:
        page = UndecoratedPage(found.ink, found.strikes, is_cut_out=True)
        return segment_undecorated(page, max_digits, found.to_picture)
    except BlankPicture:
        return EMPTY
