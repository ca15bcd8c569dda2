"""Digits written stroke by stroke: in the ways of the world, and as the writers of UCI's pen trajectories did."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.synthesis.glyphs import LabelledGlyph, Lines, Points, Sources, draw_lines
from training.synthesis.non_digits import connect
from training.synthesis.pen_lifts import lift_pen
from training.synthesis.strokes import Strokes, curve
from training.synthesis.styles import random_strokes

# Width by height of a written digit, from narrow to wide; of a 1 with its flag and foot.
ASPECT = (0.42, 0.95)
ASPECT_OF_ONE = (0.25, 0.8)
SLANT = (-0.2, 0.5)  # how far the top lies to the right of the foot, in the height
LIFTED_SHARE = 0.9  # of the trajectories: some writers drag the pen
CORNERED_SHARE = 0.2  # of the trajectories are drawn with corners, as hasty hands and mice do


def styled_digit(_: Sources, rng: Generator) -> LabelledGlyph:
    """A digit in one of the ways of the world."""
    digit = int(rng.integers(10))
    return write(random_strokes(digit, rng), digit, rng), digit


def pen_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    """A digit that one of UCI's writers wrote, with another pen."""
    index = rng.integers(len(sources.pen_digits))
    points, digit = sources.pen_digits.trajectories[index], int(sources.pen_digits.labels[index])
    strokes = lift_pen(points, digit) if rng.random() < LIFTED_SHARE else [points]
    if rng.random() >= CORNERED_SHARE:
        strokes = [curve(*stroke.tolist()) for stroke in strokes]
    return write(strokes, digit, rng), digit


def write(strokes: Strokes, digit: int, rng: Generator) -> Ink:
    """Strokes in a unit square, with a hand's proportions, slant and tremor, by one pen."""
    ink = draw_lines(written_lines(strokes, random_aspect(digit, rng), rng.uniform(*SLANT), rng), rng)
    return broaden(ink, rng) if rng.random() < 0.2 else ink


def random_aspect(digit: int, rng: Generator) -> float:
    return rng.uniform(*(ASPECT_OF_ONE if digit == 1 else ASPECT))


def written_lines(strokes: Strokes, aspect: float, slant: float, rng: Generator) -> Lines:
    """The lines of the strokes, in a unit square, with a hand's proportions and tremor."""
    angle = math.radians(rng.normal(0, 4))
    matrix = np.array([[aspect, -slant], [0, 1]]).T
    matrix = matrix @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    amplitude = rng.uniform(0, 0.012)
    written = [add_tremor(stroke @ matrix, amplitude, rng) for stroke in strokes]
    points = np.concatenate(written)
    low, size = points.min(axis=0), np.ptp(points, axis=0).max()
    return np.concatenate([connect((stroke - low) / size) for stroke in written])


def add_tremor(points: Points, amplitude: float, rng: Generator) -> Points:
    """Moves the points off their way by smooth noise; `amplitude` is in the height."""
    noise = rng.normal(0, 1, (len(points) + 4, 2))
    smooth = sum(noise[shift : shift + len(points)] for shift in range(5)) / math.sqrt(5)
    return np.asarray(points + amplitude * smooth, np.float64)


def broaden(ink: Ink, rng: Generator) -> Ink:
    """As by a broad nib, which is thin along one diagonal."""
    nib = np.eye(int(rng.integers(3, 9)), dtype=np.uint8)
    return np.asarray(cv2.dilate(ink, nib if rng.random() < 0.7 else nib[:, ::-1].copy()), np.uint8)
