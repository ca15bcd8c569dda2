"""What must be random in a private run, and unknown to others: who is in a step, and the noise.

A run's seed is published with its model, and from a seed the noise could be computed and subtracted. So the generator
is seeded by the operating system and its state is never stored: a private run cannot be repeated bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[np.float32]]


def secret_generator() -> np.random.Generator:
    """Random numbers that follow from no seed of the run."""
    return np.random.default_rng()


def poisson_sample(n: int, probability: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """The numbers of the examples in a step: each of `n` is in it with this probability, whatever the others are."""
    return np.flatnonzero(rng.random(n) < probability) if probability < 1 else np.arange(n)


def add_noise(sums: Sequence[NDArray[np.float32]], deviation: float, rng: np.random.Generator) -> Arrays:
    """Each element with Gaussian noise of this standard deviation."""
    return [(values + rng.normal(0, deviation, values.shape)).astype(np.float32) for values in sums]
