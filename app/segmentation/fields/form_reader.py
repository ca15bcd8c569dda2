"""A picture of a form: the placements of its template that may be right are found, and the fields are read in them.

    reader = FormReader(picture, template, max_digits)
    while fields := reader.segment():
        reader.add(fields.decode(...))      the model has read `fields.images`
    reader.page, reader.fields

Nothing but the fields is read, and mostly once: corner marks, anchors, the sheet's outline and the printed boxes tell
how the form lies. Where several ways remain, the one in which the fields read best is right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from app.arrays import Grayscale, Homography, Ink, Probabilities
from app.errors import BlankPicture, TooManyDigits
from app.observability.request_context import check_deadline
from app.preprocessing.decode import Picture, decode
from app.preprocessing.ink import extract_ink
from app.preprocessing.ruled_lines import remove_faint_lines
from app.segmentation.fields.anchors import place_by_anchors
from app.segmentation.fields.corner_marks import find_mark_sets
from app.segmentation.fields.placement import Placement, flatten, of_corners, of_points, transform, whole_picture
from app.segmentation.fields.printed_boxes import Sides, refine, search, support_of
from app.segmentation.fields.reader import FieldReader, ReadField
from app.segmentation.fields.regions import FlatDocument
from app.segmentation.fields.template import Template
from app.segmentation.page_reader import (
    BETTER,
    CERTAIN,
    MANY_DIGITS,
    MUCH_BETTER,
    ReadPage,
    ink_of_sheet,
    turned_back,
    typical_confidence,
)
from app.segmentation.sheet import RIM, find_sheet

QUARTERS = (0, 2, 1, 3)  # in the order in which they are tried
LANDMARKS = ("marks", "anchors")
SUPPORTED = 0.5  # of the printed outlines: the placement is right
LEAST_SUPPORT = 0.15  # of them, loosely: less is not worth a closer look
DECISIVE = 0.2  # by so much less, another one is wrong
MOST_READ = 4  # placements
LEAST_WRITTEN = 0.5  # of the fields
UNSATISFIED = 0.5  # of the certainty of a field that does not satisfy its constraints


class FormReader:
    """One form while its fields are read."""

    def __init__(self, picture: Picture, template: Template, max_digits: int) -> None:
        """Raises `UnsupportedPicture`."""
        check_deadline()
        longer_side = max(picture.width, picture.height)
        self.template, self.max_digits = template, max_digits
        self.grayscale = decode(picture)
        scale = longer_side / max(self.grayscale.shape)
        self.to_sent: Homography = np.diag([scale, scale, 1.0])
        self.placements = find_placements(self.grayscale, template)
        self.tried = 0
        self.best = -1.0  # how certain the best reading was
        self.fields: Mapping[str, ReadField] = {}
        self.page = ReadPage([], 0, None)

    def segment(self) -> FieldReader | None:
        """The fields in the next placement; None once they are read. Raises `TooManyDigits`."""
        if not self.tried:
            return self.segment_next()
        while self.tried < len(self.placements) and self.best < CERTAIN:
            with suppress(TooManyDigits):
                return self.segment_next()
        return None

    def segment_next(self) -> FieldReader:
        placement = self.placements[self.tried]
        self.tried += 1
        has_landmarks = self.template.marks or self.template.anchors
        is_placed = not has_landmarks or placement.found_by in LANDMARKS or placement.support >= SUPPORTED
        return FieldReader(self.document(placement), self.template, self.max_digits, is_placed=is_placed)

    def document(self, placement: Placement) -> FlatDocument:
        if placement.found_by == "picture":
            turned = np.ascontiguousarray(np.rot90(self.ink_of_picture, placement.quarters))
            back = turned_back(placement.quarters, self.ink_of_picture.shape)
            return FlatDocument(turned, self.to_sent @ back, 0)
        form = flatten(self.grayscale, placement)
        height, width = form.pixels.shape
        rim = round(RIM * max(height, width)) if placement.found_by == "sheet" else 0
        ink = ink_or_none(ink_of_sheet, np.ascontiguousarray(form.pixels[rim : height - rim, rim : width - rim]))
        inwards = np.array([[1, 0, rim], [0, 1, rim], [0, 0, 1]], np.float64)
        return FlatDocument(ink, self.to_sent @ form.to_picture @ inwards, rim)

    @functools.cached_property
    def ink_of_picture(self) -> Ink:
        return ink_or_none(lambda pixels: remove_faint_lines(extract_ink(pixels, is_page=True)), self.grayscale)

    def add(self, fields: Mapping[str, ReadField]) -> None:
        """What was read in this placement."""
        placement, certainty = self.placements[self.tried - 1], certainty_of(fields)
        digits = sum(len(line.digits) for line in self.page.lines)
        margin = 0.0 if self.tried == 1 else BETTER if digits >= MANY_DIGITS else MUCH_BETTER
        if certainty > self.best + margin:
            self.best, self.fields = certainty, fields
            lines = [line for field in fields.values() for line in field.lines]
            self.page = ReadPage(lines, 90 * placement.quarters, self.sheet(placement))

    def decode_and_segment(
        self, fields: FieldReader, probabilities: Probabilities, alternatives: int
    ) -> FieldReader | None:
        """Adds what is read in this placement, and segments the next; None once the fields are read."""
        self.add(fields.decode(probabilities, alternatives))
        return self.segment()

    def sheet(self, placement: Placement) -> list[tuple[int, int]] | None:
        """The form's corners, clockwise from the one that is the upper left one on the picture."""
        if placement.found_by == "picture":
            return None
        corners = transform(self.to_sent, np.roll(placement.corners, placement.quarters, axis=0))
        return [(round(x), round(y)) for x, y in corners.tolist()]


def ink_or_none(ink_of: Callable[[Grayscale], Ink], pixels: Grayscale) -> Ink:
    """No ink where the paper is blank: then all fields are empty."""
    try:
        return ink_of(pixels)
    except BlankPicture:
        return np.zeros(pixels.shape, np.uint8)


def certainty_of(fields: Mapping[str, ReadField]) -> float:
    """Of a placement: how well the fields read that are not empty, and whether they satisfy their constraints.

    Where fewer than half of the fields have anything in them, the placement is doubtful however well those read.
    """
    written = [field for field in fields.values() if field.lines]
    certainties = [typical_confidence(field.lines) * (1 if field.satisfies else UNSATISFIED) for field in written]
    return float(sum(certainties)) / max(1.0, len(written), LEAST_WRITTEN * len(fields))


def find_placements(picture: Grayscale, template: Template) -> list[Placement]:
    """At least one, the likeliest first."""
    sides = Sides.of(template.fields.values())
    whole = turns_of(whole_picture(picture))
    corners = find_sheet(picture)
    starts = turns_of(of_corners(corners.astype(np.float64), "sheet")) if corners is not None else whole
    found = by_landmarks(picture, template, starts, whole, sides)
    placements = refine_best(picture, found or starts, sides)
    if not found and best_support(placements) < SUPPORTED and starts is not whole:
        placements += supported(refine_best(picture, whole, sides))
    if not found and best_support(placements) < SUPPORTED:
        searched = [placed for placement in whole if (placed := search(picture, placement, sides))]
        placements += supported(refine_best(picture, searched, sides))
    return likeliest(placements)


def by_landmarks(
    picture: Grayscale, template: Template, starts: Sequence[Placement], whole: Sequence[Placement], sides: Sides
) -> list[Placement]:
    """By the template's marks or anchors; none if there are none, or they are not found."""
    if template.marks:
        expected = np.array([(mark.x, mark.y) for mark in template.marks])
        turned = [
            of_points(expected, np.roll(marks, -quarters, axis=0), "marks")
            for marks in find_mark_sets(picture)
            for quarters in QUARTERS
        ]
        plausible = [placement for placement in turned if placement.is_plausible(picture)]
        supports = [support_of(picture, placement, sides) for placement in plausible]
        if max(supports, default=0.0) >= SUPPORTED:  # else the first set is the likeliest, in any turn
            plausible = [plausible[index] for index in np.argsort(-np.array(supports), kind="stable").tolist()]
        if plausible:
            return plausible[:MOST_READ]
    if template.anchors:
        placement = place_by_anchors(picture, starts, template.anchors)
        if not placement and starts is not whole:
            placement = place_by_anchors(picture, whole, template.anchors)
        return [placement] if placement else []
    return []


def turns_of(placement: Placement) -> list[Placement]:
    return [placement.turned(quarters) for quarters in QUARTERS]


def refine_best(picture: Grayscale, placements: Sequence[Placement], sides: Sides) -> list[Placement]:
    """With the support of those that may be right."""
    loosely = [support_of(picture, placement, sides) for placement in placements]
    least = max(LEAST_SUPPORT, max(loosely, default=0.0) - DECISIVE)
    return [
        refine(picture, placement, sides) if support >= least else placement
        for placement, support in zip(placements, loosely, strict=True)
    ]


def supported(placements: Sequence[Placement]) -> list[Placement]:
    return [placement for placement in placements if placement.support >= SUPPORTED]


def best_support(placements: Sequence[Placement]) -> float:
    return max((placement.support for placement in placements), default=0.0)


def likeliest(placements: Sequence[Placement]) -> list[Placement]:
    """Where printed outlines are found, they decide."""
    best = best_support(placements)
    if best >= SUPPORTED:
        near = [placement for placement in placements if placement.support >= best - DECISIVE]
        placements = sorted(near, key=lambda placement: -placement.support)
    return list(placements[:MOST_READ])
