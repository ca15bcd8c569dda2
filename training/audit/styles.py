"""Fairness across writers: whether the ways in which people write a digit are read equally well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from training.evaluation.metrics import wilson_interval

AUDITED_DIGITS = ("1", "4", "7", "9")  # whose ways of writing differ between countries


class StyleResult(NamedTuple):
    style: str  # such as "7 crossed"
    n: int
    correct: float  # share
    interval: tuple[float, float]  # 95 %

    @property
    def digit(self) -> str:
        return self.style.split()[0]


class Gap(NamedTuple):
    """The distance between the best and the worst read way of writing one digit."""

    best: StyleResult
    worst: StyleResult

    @property
    def size(self) -> float:
        return self.best.correct - self.worst.correct

    @property
    def is_certain(self) -> bool:
        """Whether the intervals of both are apart."""
        return self.worst.interval[1] < self.best.interval[0]


def style_results(variants: Mapping[str, float], n: int) -> list[StyleResult]:
    """Of the shares correct of the writing styles of `AUDITED_DIGITS`, `n` pictures each."""
    results = [StyleResult(name, n, share, wilson_interval(share * n, n)) for name, share in variants.items()]
    return [result for result in results if result.digit in AUDITED_DIGITS]


def largest_gap(results: list[StyleResult]) -> Gap:
    gaps = []
    for digit in AUDITED_DIGITS:
        ways = [result for result in results if result.digit == digit]
        gaps.append(Gap(max(ways, key=lambda way: way.correct), min(ways, key=lambda way: way.correct)))
    return max(gaps, key=lambda gap: gap.size)
