"""A template says where the fields of a form are and what their texts must satisfy.

    {"fields": {"meter": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.05, "length": 5}},
     "marks": [{"x": 0.05, "y": 0.04}, {"x": 0.95, "y": 0.04}, {"x": 0.95, "y": 0.96}, {"x": 0.05, "y": 0.96}],
     "anchors": [{"x": 0.1, "y": 0.05, "width": 0.2, "height": 0.03, "image": "<PNG in base64>"}, ...]}

Lengths are shares of the document's width and height: of the sheet once it is found and made flat. Marks and anchors
are optional: what is printed on the form at known places, so that the form is found without the sheet's outline.
"""

from __future__ import annotations

import base64
import binascii
import functools
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from app.arrays import Grayscale
from app.errors import ServiceError
from app.json_encoding import utf8_json
from app.preprocessing.decode import decode, open_picture
from app.segmentation.constraints.constraints import Constraints, message_of

MAX_FIELDS = 100
MAX_BYTES = 2**20  # of a template's JSON
LEAST_SIDE = 0.002  # of the document: two pixels of a large one, where no text has room
ROUNDING = 1e-6  # of shares that add up to 1
MARKS = 4
LEAST_SPAN = 0.2  # of the document: marks that are nearer to each other do not tell where the rest of it is
MIN_ANCHORS, MAX_ANCHORS = 2, 8
MAX_ANCHOR_PIXELS = 256 * 256
MIN_ANCHOR_SIDE = 8  # pixels
MAX_ANCHOR_LENGTH = 2**17  # characters of its base64
MIN_ANCHOR_CONTRAST = 10.0  # levels: the standard deviation of its pixels

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class TemplateError(ValueError):
    """The template is wrong. The message names the field, and continues "the template" or its name."""


class DocumentRegion(BaseModel):
    """A rectangle on the document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: float = Field(ge=0, lt=1, description="Of its left edge, as a share of the document's width.")
    y: float = Field(ge=0, lt=1, description="Of its upper edge, as a share of the document's height.")
    width: float = Field(ge=LEAST_SIDE, le=1, description="As a share of the document's width.")
    height: float = Field(ge=LEAST_SIDE, le=1, description="As a share of the document's height.")

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        if self.right > 1 + ROUNDING or self.bottom > 1 + ROUNDING:
            raise ValueError("the region ends outside of the document: x + width and y + height are at most 1")
        return self


class TemplateField(Constraints, DocumentRegion):
    """A region of the document that holds one text, and what the text must satisfy."""


class CornerMark(BaseModel):
    """The middle of a solid square, a disc or a cross that is printed near a corner of the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: float = Field(ge=0, le=1, description="As a share of the document's width.")
    y: float = Field(ge=0, le=1, description="As a share of the document's height.")


class Anchor(DocumentRegion):
    """A part of the form on which something is printed that stands nowhere else on it: a word, a logo."""

    image: str = Field(
        max_length=MAX_ANCHOR_LENGTH,
        description=f"What is printed there, and nothing around it: a PNG in base64, at most {MAX_ANCHOR_PIXELS:,} "
        "pixels.",
    )

    @field_validator("image")
    @classmethod
    def _check_image(cls, image: str) -> str:
        decode_anchor(image)
        return image

    @functools.cached_property
    def pixels(self) -> Grayscale:
        return decode_anchor(self.image)


def decode_anchor(image: str) -> Grayscale:
    """Raises `ValueError`."""
    try:
        picture = open_picture(base64.b64decode(image, validate=True), MAX_ANCHOR_PIXELS)
        pixels = decode(picture)
    except binascii.Error as error:
        raise ValueError("it is no base64") from error
    except ServiceError as error:
        raise ValueError(error.detail) from error
    if min(pixels.shape) < MIN_ANCHOR_SIDE:
        raise ValueError(f"its sides must have at least {MIN_ANCHOR_SIDE} pixels")
    if pixels.std() < MIN_ANCHOR_CONTRAST:
        raise ValueError("nothing is printed on it")
    return pixels


class Template(BaseModel):
    """The fields of a form, by their names, and what it is found by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[FieldName, TemplateField] = Field(min_length=1, max_length=MAX_FIELDS)
    marks: tuple[CornerMark, ...] | None = Field(
        default=None, min_length=MARKS, max_length=MARKS, description="From the upper left one, clockwise."
    )
    anchors: tuple[Anchor, ...] | None = Field(default=None, min_length=MIN_ANCHORS, max_length=MAX_ANCHORS)

    @field_validator("marks")
    @classmethod
    def _check_marks(cls, marks: tuple[CornerMark, ...] | None) -> tuple[CornerMark, ...] | None:
        if marks is None:
            return None
        corners = np.array([(mark.x, mark.y) for mark in marks])
        sides = np.roll(corners, -1, axis=0) - corners
        following = np.roll(sides, -1, axis=0)
        turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
        if not (turns > 0).all() or np.linalg.norm(sides, axis=1).min() < LEAST_SPAN:
            raise ValueError(
                f"the marks must be at least {LEAST_SPAN} apart, and in order: upper left, upper right, lower right, "
                "lower left"
            )
        return marks


def parse_template(content: bytes) -> Template:
    """Raises `TemplateError`."""
    if len(content) > MAX_BYTES:
        raise TemplateError(f"has more than {MAX_BYTES:,} bytes")
    try:
        return Template.model_validate_json(utf8_json(content))
    except ValidationError as error:
        first = error.errors()[0]
        raise TemplateError(f"is wrong{place(first['loc'])}: {message_of(first)}") from error
    except ValueError as error:
        raise TemplateError(f"is {error}") from error


def place(loc: tuple[int | str, ...]) -> str:
    if len(loc) < 2 or loc[0] != "fields":
        return " in " + ".".join(map(str, loc)) if loc else ""
    inside = ".".join(str(part) for part in loc[2:] if part != "[key]")
    return f" in the field {str(loc[1])!r}" + (f", {inside}" if inside else "")
