"""Test set of pen trajectories: digits of other writers, redrawn from eight points each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from training.datasets.pen_trajectories import TEST_REMAINDERS, Trajectories, load_pen_digits
from training.evaluation.testsets.base import Sample, TestSet, Variant
from training.evaluation.testsets.legibility import is_legible
from training.evaluation.testsets.pen_and_paper import Points, smooth_curve, write
from training.evaluation.testsets.restored_strokes import restore_strokes

SHARPEST_BEND = 110  # degrees by which a curve turns at a point; beyond, the point is a corner


def pen_trajectories() -> TestSet:
    """Raises `PackageError`."""
    digits = load_pen_digits(TEST_REMAINDERS)
    return TestSet(
        "pen trajectories",
        "digits of 44 other writers (UCI Pen-Based Recognition), redrawn from the eight points that there are of each, "
        "where these show the digit",
        {str(digit): trajectory_variant(digits.trajectories[digits.labels == digit], digit) for digit in range(10)},
        pictures_per_variant=190,
    )


def trajectory_variant(trajectories: Trajectories, digit: int) -> Variant:
    """Pictures of randomly chosen legible trajectories, each at most once."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        shuffled = (restore_strokes(trajectory, digit) for trajectory in rng.permutation(trajectories))
        legible = (strokes for strokes in shuffled if is_legible(strokes, digit))
        for strokes in itertools.islice(legible, count):
            yield Sample(write([smooth_curve(with_corners(stroke)) for stroke in strokes], rng), digit)

    return make_samples


def with_corners(points: Points) -> Points:
    """Sharp turns stand twice, as `smooth_curve` has corners."""
    steps = np.diff(points, axis=0)
    turns = np.diff(np.arctan2(steps[:, 1], steps[:, 0]))
    bends = np.abs((turns + np.pi) % (2 * np.pi) - np.pi)
    is_corner = np.pad(bends > np.radians(SHARPEST_BEND), 1)
    return np.repeat(points, 1 + is_corner, axis=0)
