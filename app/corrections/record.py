"""The record of a correction, as the service writes it and as training reads it.

<folder>/
    <id>.png     the picture, or the region of it that was misread: grey, upright, without metadata
    <id>.json    what is described here; a picture without it is no correction

Nothing in them tells who sent them, or at what time of the day.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.setting_values import MAX_VERSION

NO_DIGIT = "none"  # in place of the digits of a picture that shows none
MAX_DIGITS = 64
PICTURE_SUFFIX = ".png"
RECORD_SUFFIX = ".json"


def refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("give a whole number")  # noqa: TRY004  # pydantic reports no TypeError
    return value


# Text, since a number would lose the zeros in front.
Digits = Annotated[str, StringConstraints(pattern=f"^([0-9]{{1,{MAX_DIGITS}}}|{NO_DIGIT})$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x1f\x7f]{1,100}$")]


# `true` is no version.
WholeNumber = Annotated[int, BeforeValidator(refuse_bool)]


class Correction(BaseModel):
    """What the picture shows, and what had been read."""

    model_config = ConfigDict(frozen=True)

    digits: Digits = Field(description=f"The right digits, 1 to {MAX_DIGITS}, or `{NO_DIGIT}`: it shows no digit.")
    read: Digits | None = Field(None, description=f"The digits that the service had read, or `{NO_DIGIT}`.")
    model: ModelName | None = Field(None, description="The model that had read them.")
    version: WholeNumber | None = Field(None, ge=1, le=MAX_VERSION, description="The version of that model.")


class Record(Correction):
    """A correction that is kept."""

    format: Literal[1] = 1
    created: date
    sha256: str = Field(description="Of the picture's file.")
