"""Check digits as automata: the state is the running remainder, so a text of any length needs few states.

All see the digits of a text alone. Sources: ISO/IEC 7812-1, annex B (Luhn); ISO/IEC 7064, MOD 97-10; GS1 General
Specifications, 7.9 (EAN-13); ISO 2108 (ISBN).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from app.segmentation.constraints.automaton import Automaton, Either, Every, State, of_digits
from app.segmentation.constraints.pattern import compile_pattern

EAN13_WEIGHTS = (1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)
ISBN10_WEIGHTS = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Luhn:
    """Every second digit counts twice, from the right: the state has the sums for both kinds of what follows.

    A state is (the sum if the last digit is the text's last, the sum if one more digit follows, digits up to 2).
    """

    start: Hashable = (0, 0, 0)

    def step(self, state: State, character: str) -> State | None:
        ends_here, one_follows, count = state
        digit = int(character)
        doubled = 2 * digit - 9 * (digit > 4)  # the sum of the digits of twice the digit
        return (one_follows + digit) % 10, (ends_here + doubled) % 10, min(count + 1, 2)

    def accepts(self, state: State) -> bool:
        return bool(state[0] == 0 and state[2] == 2)


@dataclass(frozen=True)
class Mod97:
    """The whole number, check digits included, leaves 1. A state is (remainder, digits up to 3)."""

    start: Hashable = (0, 0)

    def step(self, state: State, character: str) -> State | None:
        remainder, count = state
        return (10 * remainder + int(character)) % 97, min(count + 1, 3)

    def accepts(self, state: State) -> bool:
        return bool(state == (1, 3))


@dataclass(frozen=True)
class WeightedSum:
    """As many digits as weights, whose weighted sum the modulus divides. A state is (remainder, digits)."""

    weights: tuple[int, ...]
    modulus: int
    start: Hashable = (0, 0)

    def step(self, state: State, character: str) -> State | None:
        remainder, count = state
        if count == len(self.weights):
            return None
        return (remainder + self.weights[count] * int(character)) % self.modulus, count + 1

    def accepts(self, state: State) -> bool:
        return bool(state == (0, len(self.weights)))


EAN13 = WeightedSum(EAN13_WEIGHTS, 10)
ISBN13 = Every((EAN13, compile_pattern(r"97[89]\d{10}")))
ISBN10 = WeightedSum(ISBN10_WEIGHTS, 11)  # its check digit X, for 10, is not read

CHECKSUMS: dict[str, Automaton] = {
    "luhn": of_digits(Luhn()),
    "mod97": of_digits(Mod97()),
    "ean13": of_digits(EAN13),
    "isbn": of_digits(Either((ISBN13, ISBN10))),
}
