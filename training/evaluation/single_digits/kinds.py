"""The share of pictures that are read correctly, of many kinds of pictures of one digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.inference.session import Model
from training.datasets.mnist import Digits
from training.evaluation.metrics import wilson_interval
from training.evaluation.robustness import PictureResult, classify
from training.evaluation.single_digits.crops import edge_to_edge, tight_crop
from training.evaluation.single_digits.grounds import card, half_shaded, halves, highlighted, on_ground, one_colour
from training.evaluation.single_digits.outlines import APART, CLOSE, CROSSED, TOUCHING, around, box, line, ring
from training.evaluation.testsets.base import RenderDigit, Sample

KINDS: dict[str, RenderDigit] = {
    "tight crop, dark on light": tight_crop(dark=True),
    "tight crop, light on dark": tight_crop(dark=False),
    "edge to edge": edge_to_edge,
    "ground of one colour": on_ground(one_colour),
    "highlighter's mark": on_ground(highlighted),
    "card on a table": on_ground(card),
    "half shaded": on_ground(half_shaded),
    "half and half": on_ground(halves),
    "ring apart": around(ring, APART),
    "ring close": around(ring, CLOSE),
    "ring touching": around(ring, TOUCHING),
    "ring crossed": around(ring, CROSSED),
    "ring close, other pen": around(ring, CLOSE, other_pen=True),
    "ring crossed, other pen": around(ring, CROSSED, other_pen=True),
    "box apart": around(box, APART),
    "box close": around(box, CLOSE),
    "box touching": around(box, TOUCHING),
    "box crossed": around(box, CROSSED),
    "box crossed, other pen": around(box, CROSSED, other_pen=True),
    "underline": around(line(above=False), CLOSE),
    "underline touching": around(line(above=False), TOUCHING),
    "overline": around(line(above=True), CLOSE),
}


def make_samples(name: str, digits: Digits, count: int, seed: int) -> Iterator[tuple[str, Sample]]:
    """Pictures of one kind, of digits that are chosen at random, with the kind's name."""
    rng = np.random.default_rng((seed, list(KINDS).index(name)))
    for index in rng.permutation(len(digits))[:count]:
        yield name, Sample(KINDS[name](digits.images[index], rng), int(digits.labels[index]))


def evaluate_single_digits(model: Model, threshold: float, digits: Digits, count: int, seed: int) -> Iterator[str]:
    """A line of text for each kind."""
    for name in KINDS:
        found = [result for (result,) in classify([model], threshold, make_samples(name, digits, count, seed))]
        yield describe(name, found)


def describe(name: str, pictures: Sequence[PictureResult]) -> str:
    """The share read correctly with its 95 % confidence interval, and what is accepted."""
    right = sum(picture.is_correct for picture in pictures)
    low, high = wilson_interval(right, len(pictures))
    wrong = sum(picture.accepted and not picture.is_correct for picture in pictures)
    shares = f"{right / len(pictures):6.1%}  ({low:.1%} to {high:.1%}) of {len(pictures)}"
    return f"{name:26}  {shares}; accepted {sum(picture.accepted for picture in pictures)}, wrong {wrong}"
