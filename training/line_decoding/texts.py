"""What stands on lines: numbers with marks, and symbols and letters around them."""

# ruff: noqa: RUF001  symbols that look like letters are meant

from __future__ import annotations

import re
from collections.abc import Callable

from numpy.random import Generator

from training.line_decoding.marks import MARKS
from training.line_decoding.symbols import LIKE_SIGNS, SYMBOLS
from training.synthesis.glyphs import choose, choose_weighted


def number(rng: Generator, most: int) -> str:
    return "".join(str(rng.integers(10)) for _ in range(rng.integers(1, most + 1)))


def two(rng: Generator, below: int) -> str:
    return f"{rng.integers(below):02d}"


TEXTS: list[tuple[Callable[[Generator], str], float]] = [
    (lambda rng: number(rng, 7), 6),
    (lambda rng: "".join(choose("11147790", rng) for _ in range(rng.integers(2, 8))), 2),  # slim and slanted ones
    (lambda rng: f"{number(rng, 4)}.{number(rng, 2)}", 1.5),
    (lambda rng: f"{number(rng, 4)},{number(rng, 3)}", 1.5),
    (
        lambda rng: choose("//.-", rng).join(
            (two(rng, 32), two(rng, 13), choose(("", "19", "20"), rng) + two(rng, 100))
        ),
        3,
    ),
    (lambda rng: f"{number(rng, 3)}/{number(rng, 3)}", 4),
    (lambda rng: f"-{number(rng, 4)}", 1),
    (lambda rng: f"{two(rng, 24)}:{two(rng, 60)}", 1.5),
    (lambda rng: f"{number(rng, 3)}{choose('+-=', rng)}{number(rng, 3)}", 2),
    (lambda rng: f"{number(rng, 2)}+{number(rng, 2)}={number(rng, 3)}", 1),
    (lambda rng: f"({number(rng, 4)})", 2),
    (lambda rng: f"{number(rng, 4)}-{number(rng, 4)}", 1),
    (lambda rng: " ".join(number(rng, 4) for _ in range(rng.integers(2, 4))), 2.5),
    (lambda rng: f"{number(rng, 3)}%", 1.5),
    (lambda rng: f"{number(rng, 2)}:{number(rng, 2)}", 1),  # a score
    (lambda rng: f"{rng.integers(1, 31)}{choose('.)', rng)} {number(rng, 4)}", 1.5),  # of a numbered list
    (lambda rng: f"{number(rng, 3)},-", 0.5),  # a price without cents
]
SENSELESS: tuple[Callable[[Generator], str], float] = (
    lambda rng: "".join(choose("0123456789" + "".join(MARKS), rng) for _ in range(rng.integers(2, 7))),
    6,
)


# Around numbers: symbols and letters that look like none of the signs that are read, the frequent ones several times.
UNITS = (
    "g", "kg", "mg", "t", "m", "km", "cm", "mm", "h", "min", "s", "sec", "d", "ml", "cl", "dl", "ct", "A", "V", "W",
    "kW", "kWh", "K", "C", "F", "°C", "°", "€", "EUR", "Euro", "$", "USD", "CHF", "£", "¥", "Fr", "ha", "mal", "x",
    "pcs", "St", "pt", "ea", "Pa", "hPa", "N", "p", "P", "Pt", "✓", "!", "?", "*", "cents", "each", "a", "u", "r",
    "k", "e", "c",
)  # fmt: skip
PREFIXES = (
    "~", "#", ">", "<", "→", "*", "•", "✓", "□", "☑", "$", "€", "£", "@", "&", "No", "Nr", "n=", "x=", "y=", "a=",
    "m=", "p", "ca", "A", "C", "D", "E", "F", "H", "K", "M", "N", "P", "R", "T", "●", "→", "×", "^", "~", "#", ">",
    "→", "*", "□", "$", "a", "c", "e", "g", "h",
)  # fmt: skip
BETWEEN = (
    "×", "x", "×", "x", "÷", "*", "&", "→", "~", "@", "#", "✓", ">", "<", "h",
)  # fmt: skip
ALONE = [symbol for symbol in SYMBOLS if symbol not in LIKE_SIGNS]
SURROUNDED: list[tuple[Callable[[str, Generator], str], float]] = [
    (lambda text, rng: f"{text}{choose(('', ' '), rng)}{choose(UNITS, rng)}", 4),
    (lambda text, rng: f"{choose(PREFIXES, rng)}{choose(('', ' '), rng)}{text}", 4),
    (lambda text, rng: f"{text}{choose(('', ' '), rng)}{choose(ALONE, rng)}", 1),
    (lambda text, rng: choose(("", " "), rng).join((text, choose(BETWEEN, rng), number(rng, 3))), 2),
]
NO_SIGNS = re.compile(rf"[^\d {re.escape(''.join(MARKS))}]+")


def signs_alone(text: str) -> str:
    """What is read of a text: a space stands where something stood between signs that is none."""
    return " ".join(part for part in map(str.strip, NO_SIGNS.split(text)) if part)


def random_text(rng: Generator, *, senseless: bool, symbols: float) -> str:
    """`senseless`: marks may stand anywhere. `symbols`: the share of texts with symbols and letters."""
    text = choose_weighted([*TEXTS, SENSELESS] if senseless else TEXTS, rng)(rng)
    return choose_weighted(SURROUNDED, rng)(text, rng) if rng.random() < symbols else text
