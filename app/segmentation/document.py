"""A picture with several digits becomes lines of digits.

segment(picture) -> Document -> (the model reads `images` as one batch) -> Document.decode -> lines of digits

decode -> ink -> without form lines -> layout -> for each line: strip -> oversegmentation -> images -> lattice
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from app.arrays import Image, Images, Ink, Probabilities
from app.errors import BlankPicture, TooManyDigits
from app.observability.request_context import check_deadline
from app.preprocessing.components import binarize
from app.preprocessing.decode import Picture, decode, open_picture
from app.preprocessing.ink import extract_ink
from app.preprocessing.normalize import centre, fit
from app.preprocessing.ruled_lines import erase_lines
from app.segmentation import lattice, layout
from app.segmentation.form_lines import find_form_lines
from app.segmentation.layout import Component, Labels
from app.segmentation.line_strip import Placement, line_strip
from app.segmentation.oversegmentation import Cuts, Segment, Strip, candidate_segments, oversegment


class RecognizedDigit(NamedTuple):
    digit: int
    confidence: float
    box: tuple[int, int, int, int]  # x, y, width, height, in pixels of the picture as it was sent, upright


class Line(NamedTuple):
    """One line, oversegmented."""

    strip: Strip
    placement: Placement
    cuts: Cuts
    segments: list[Segment]
    images: list[Image]  # one for each segment

    @classmethod
    def of(cls, components: list[Component], page: Ink, labels: Labels, picture_scale: float) -> Self:
        strip, placement = line_strip(components, page, labels, picture_scale)
        cuts = oversegment(strip)
        segments = candidate_segments(strip, cuts)
        return cls(strip, placement, cuts, segments, [centre(fit(segment.ink)) for segment in segments])

    def decode(self, probabilities: Probabilities) -> list[RecognizedDigit]:
        path = lattice.decode(self.strip, self.cuts, self.segments, probabilities)
        return [
            RecognizedDigit(digit, confidence, self.placement.on_picture(segment.box))
            for digit, confidence, segment in path
        ]


class Document(NamedTuple):
    """All candidate segments on a picture, line by line."""

    lines: list[Line]

    @property
    def images(self) -> Images:
        """(n, 28, 28), for the model to read."""
        return np.stack([image for line in self.lines for image in line.images])

    def decode(self, probabilities: Probabilities) -> list[list[RecognizedDigit]]:
        """The digits of each line that has any, given a row (10,) for each of `images`."""
        ends = np.cumsum([len(line.segments) for line in self.lines])[:-1]
        rows_of_lines = np.split(probabilities, ends)
        lines = [line.decode(rows) for line, rows in zip(self.lines, rows_of_lines, strict=True)]
        return [digits for digits in lines if digits]


def segment_file(content: bytes, max_pixels: int, max_digits: int) -> Document:
    """Of a picture file. Raises what `open_picture` and `segment` raise."""
    return segment(open_picture(content, max_pixels), max_digits)


def segment(picture: Picture, max_digits: int) -> Document:
    """Raises `UnsupportedPicture`, `BlankPicture` or `TooManyDigits`."""
    longer_side = max(picture.width, picture.height)
    grayscale = decode(picture)
    check_deadline()
    return segment_ink(extract_ink(grayscale), max_digits, longer_side / max(grayscale.shape))


def segment_ink(page: Ink, max_digits: int, picture_scale: float = 1.0) -> Document:
    """`picture_scale`: picture pixels for one of the page's. Raises `BlankPicture` or `TooManyDigits`."""
    page = without_form_lines(page)
    lines, labels = layout.find_lines(page)
    if not lines:
        raise BlankPicture("The picture has no ink on it: send one with digits on it.")
    if layout.estimated_digits(lines) > max_digits:
        raise TooManyDigits(f"There is ink for more than the {max_digits} digits we read at once: send a part of it.")
    return Document([Line.of(components, page, labels, picture_scale) for components in lines])


def without_form_lines(page: Ink) -> Ink:
    """Erases the lines of the boxes, combs and tables that digits are written into, touching or not."""
    form_lines = find_form_lines(binarize(page))
    return erase_lines(page, form_lines.level, form_lines.upright) if form_lines else page
