"""The constraints of a request or of a form's field, checked, and the automaton of all of them together.

Which characters count, among those that are read on a line:

    length            the digits
    pattern, values   all characters but spaces; spaces too in a pattern with \\s
    check             the digits; of a date the marks too
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from app.segmentation.constraints.automaton import ALPHABET, Automaton, Every, of_digits, without_spaces
from app.segmentation.constraints.checksums import CHECKSUMS
from app.segmentation.constraints.dates import date_automaton
from app.segmentation.constraints.length import DigitCount
from app.segmentation.constraints.pattern import MAX_LENGTH, compile_pattern
from app.segmentation.constraints.values import trie

MAX_DIGITS = 100  # of `length`
MAX_VALUES = 1000
MAX_VALUE_LENGTH = 100  # characters

Check = Literal["luhn", "mod97", "ean13", "isbn", "date"]


def message_of(error: ErrorDetails) -> str:
    """Of one of the errors of a model that has constraints."""
    return error["msg"].removeprefix("Value error, ")


def check_pattern(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


def check_value(value: str) -> str:
    if not 1 <= len(value) <= MAX_VALUE_LENGTH:
        raise ValueError(f"each value must have 1 to {MAX_VALUE_LENGTH} characters")
    unread = sorted(set(value) - (set(ALPHABET) - {" "}))
    if unread:
        raise ValueError(
            f"the character {unread[0]!r} of {value!r} is no sign that is read; spaces do not count, "
            "and a plus sign is written %2B in an address"
        )
    return value


class Constraints(BaseModel):
    """What the text must satisfy. Several hold together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    length: int | None = Field(
        default=None, ge=1, le=MAX_DIGITS, description="The number of digits; marks do not count."
    )
    pattern: Annotated[str, AfterValidator(check_pattern)] | None = Field(
        default=None,
        max_length=MAX_LENGTH,
        description=r"A pattern of the whole text: characters, \d, classes such as [0-4], a point for any character, "
        r"groups, |, ?, *, +, {n} and {n,m}. Spaces do not count unless the pattern has \s.",
    )
    values: tuple[Annotated[str, AfterValidator(check_value)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_VALUES,
        description="The allowed texts, without spaces, which do not count.",
    )
    check: Check | None = Field(
        default=None,
        description="luhn, mod97 (ISO 7064), ean13, isbn: of the digits; date: day, month and year or the other way "
        "round, of the calendar.",
    )

    def automaton(self) -> Automaton | None:
        """None if nothing is asked for."""
        automata = []
        if self.length is not None:
            automata.append(of_digits(DigitCount(self.length)))
        if self.pattern is not None:
            compiled = compile_pattern(self.pattern)
            automata.append(compiled if r"\s" in self.pattern else without_spaces(compiled))
        if self.values is not None:
            automata.append(without_spaces(trie(self.values)))
        if self.check is not None:
            automata.append(date_automaton() if self.check == "date" else CHECKSUMS[self.check])
        return Every(tuple(automata)) if len(automata) > 1 else next(iter(automata), None)
