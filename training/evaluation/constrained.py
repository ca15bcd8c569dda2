"""Lines of MNIST digits read under constraints: how many exactly, how surely, and how long the search takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.inference.session import Model
from app.segmentation.constraints.constraints import Constraints
from app.segmentation.document import Document
from training.datasets.mnist import Digits
from training.evaluation.metrics import wilson_interval
from training.evaluation.pages import Layout, open_page, page_of

SEED = 0
LENGTH = 16  # digits of a card's number
ALTERNATIVES = 5
LAYOUTS = {"apart": Layout(max_lines=1), "two touch": Layout(max_lines=1, touching=True)}
CONSTRAINTS = {
    "none": Constraints(),
    "length=16": Constraints(length=LENGTH),
    r"pattern=\d{16}": Constraints(pattern=rf"\d{{{LENGTH}}}"),
    "check=luhn": Constraints(check="luhn"),
    "length=16&check=luhn": Constraints(length=LENGTH, check="luhn"),
}


class Outcome(NamedTuple):
    """Of one line under one constraint."""

    is_right: bool
    is_accepted: bool
    is_listed: bool  # among the likeliest readings
    seconds: float  # of the search alone


def evaluate_constraints(model: Model, threshold: float, digits: Digits, lines: int, seed: int = SEED) -> Iterator[str]:
    """A line of text for each layout and constraint."""
    for layout_name, layout in LAYOUTS.items():
        rng = np.random.default_rng(seed)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in CONSTRAINTS}
        for _ in range(lines):
            document, text = card_number(digits, layout, rng)
            for name, constraints in CONSTRAINTS.items():
                outcomes[name].append(read_line(document, model, constraints, text, threshold))
        for name, of_constraint in outcomes.items():
            yield f"{layout_name:9}  {name:20}  {summary(of_constraint)}"


def card_number(digits: Digits, layout: Layout, rng: Generator) -> tuple[Document, str]:
    """A line of `LENGTH` digits whose Luhn sum is a multiple of ten."""
    chosen = rng.integers(0, len(digits), LENGTH)
    chosen[-1] = rng.choice(np.flatnonzero(digits.labels == check_digit(digits.labels[chosen[:-1]])))
    page = page_of(digits[chosen], layout, rng)
    document = open_page(page.pixels).segment()
    assert document  # there is a page to read in the first turn
    return document, page.lines[0]


def check_digit(labels: NDArray[np.uint8]) -> int:
    """By which the Luhn sum becomes a multiple of ten; of an odd number of digits, each other one is doubled."""
    doubled = 2 * labels[::2].astype(int)
    return -int(np.where(doubled > 9, doubled - 9, doubled).sum() + labels[1::2].sum(dtype=int)) % 10


def read_line(document: Document, model: Model, constraints: Constraints, text: str, threshold: float) -> Outcome:
    probabilities, automaton = model.run(document.images), constraints.automaton()
    begin = time.perf_counter()
    lines = document.decode(probabilities, ALTERNATIVES, automaton)
    seconds = time.perf_counter() - begin
    is_right = [line.text for line in lines] == [text]
    listed = len(lines) == 1 and text in [reading.text for reading in lines[0].alternatives]
    accepted = len(lines) == 1 and lines[0].is_accepted(threshold)
    return Outcome(is_right, accepted, listed, seconds)


def summary(outcomes: list[Outcome]) -> str:
    right, total = sum(outcome.is_right for outcome in outcomes), len(outcomes)
    low, high = wilson_interval(right, total)
    accepted = sum(outcome.is_accepted for outcome in outcomes)
    wrong = sum(outcome.is_accepted and not outcome.is_right for outcome in outcomes)
    listed = sum(outcome.is_listed for outcome in outcomes) / total
    times = np.quantile([outcome.seconds for outcome in outcomes], [0.5, 0.95]) * 1000
    return (
        f"{right / total:6.1%}  ({low:.1%} to {high:.1%}) of {total}; accepted {accepted}, "
        f"wrong {wrong}; among five {listed:.1%}; {times[0]:.0f} ms, 95 % in {times[1]:.0f} ms"
    )
