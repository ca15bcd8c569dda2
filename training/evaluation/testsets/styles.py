"""Test set of writing styles: the ways in which people write each digit, drawn stroke by stroke."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.random import Generator

from training.evaluation.testsets.base import Sample, TestSet
from training.evaluation.testsets.pen_and_paper import Points, at_equal_distances, smooth_curve, write
from training.evaluation.testsets.style_templates import TEMPLATES, Stroke

POINT_DISTANCE = 0.02  # between two points of a stroke, in the height of the digit
CONTROL_POINT_ERROR = 0.012  # standard deviation, in the height of the digit
ASPECTS = (0.8, 1.25)  # of the template's width
SLANTS = (-0.1, 0.3)  # tangent; positive: to the right
MAX_ROTATION = 6  # degrees
MAX_TREMOR = 0.006  # amplitude, in the height of the digit
TREMOR_PERIODS = (2, 7)  # waves in the height of the digit


def writing_styles() -> TestSet:
    return TestSet(
        "writing styles",
        "the ways in which people write each digit, such as crossed sevens and open fours, drawn by one hand with "
        "random slant, tremor, pen and paper",
        {
            f"{digit} {way}": partial(make_samples, digit, template)
            for digit, ways in TEMPLATES.items()
            for way, template in ways.items()
        },
        pictures_per_variant=200,
    )


def make_samples(digit: int, template: Sequence[Stroke], rng: Generator, count: int) -> Iterator[Sample]:
    for _ in range(count):
        yield Sample(write(write_by_hand(template, rng), rng), digit)


def write_by_hand(template: Sequence[Stroke], rng: Generator) -> list[Points]:
    """The strokes of a digit as smooth curves, each time a little different; in heights of the digit."""
    angle = np.radians(rng.uniform(-MAX_ROTATION, MAX_ROTATION))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slanted = np.array([[rng.uniform(*ASPECTS), -rng.uniform(*SLANTS)], [0, 1]])
    tremor = rng.uniform(0, MAX_TREMOR)
    return [
        add_tremor(
            at_equal_distances(smooth_curve(misplace(stroke, rng) @ (rotation @ slanted).T), POINT_DISTANCE),
            tremor,
            rng,
        )
        for stroke in template
    ]


def misplace(stroke: Stroke, rng: Generator) -> Points:
    """Control points off their places; both points of a corner move together."""
    points = np.array(stroke, np.float64)
    errors = rng.normal(0, CONTROL_POINT_ERROR, points.shape)
    is_corner = (points[1:] == points[:-1]).all(axis=1)
    errors[1:][is_corner] = errors[:-1][is_corner]
    return np.asarray(points + errors)


def add_tremor(points: Points, amplitude: float, rng: Generator) -> Points:
    """Slow waves along the path, in x and in y, for points `POINT_DISTANCE` apart."""
    travelled = POINT_DISTANCE * np.arange(len(points))[:, np.newaxis]
    frequencies, phases = 2 * np.pi * rng.uniform(*TREMOR_PERIODS, 2), rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(points + amplitude * np.sin(travelled * frequencies + phases))
