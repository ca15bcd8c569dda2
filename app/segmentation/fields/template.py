"""A template says where the fields of a form are and what their texts must satisfy.

    {"fields": {"meter": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.05, "length": 5}}}

Lengths are shares of the document's width and height: of the sheet once it is found and made flat.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from app.segmentation.constraints.constraints import Constraints, message_of

MAX_FIELDS = 100
MAX_BYTES = 2**20  # of a template's JSON
ROUNDING = 1e-6  # of shares that add up to 1

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class TemplateError(ValueError):
    """The template is wrong. The message names the field, and continues "the template" or its name."""


class TemplateField(Constraints):
    """A region of the document that holds one text, and what the text must satisfy."""

    x: float = Field(ge=0, lt=1, description="Of its left edge, as a share of the document's width.")
    y: float = Field(ge=0, lt=1, description="Of its upper edge, as a share of the document's height.")
    width: float = Field(gt=0, le=1, description="As a share of the document's width.")
    height: float = Field(gt=0, le=1, description="As a share of the document's height.")

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        if self.x + self.width > 1 + ROUNDING or self.y + self.height > 1 + ROUNDING:
            raise ValueError("the region ends outside of the document: x + width and y + height are at most 1")
        return self


class Template(BaseModel):
    """The fields of a form, by their names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[FieldName, TemplateField] = Field(min_length=1, max_length=MAX_FIELDS)


def parse_template(content: bytes) -> Template:
    """Raises `TemplateError`."""
    if len(content) > MAX_BYTES:
        raise TemplateError(f"has more than {MAX_BYTES:,} bytes")
    try:
        return Template.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise TemplateError(f"is wrong{place(first['loc'])}: {message_of(first)}") from error


def place(loc: tuple[int | str, ...]) -> str:
    if len(loc) < 2 or loc[0] != "fields":
        return " in " + ".".join(map(str, loc)) if loc else ""
    inside = ".".join(str(part) for part in loc[2:] if part != "[key]")
    return f" in the field {str(loc[1])!r}" + (f", {inside}" if inside else "")
