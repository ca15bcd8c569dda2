"""What written strokes are made of: lines, curves and arcs in a unit square, and the wave of a hand."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.synthesis.glyphs import Points
from training.synthesis.non_digits import catmull_rom

Strokes = list[Points]  # each (n, 2): x to the right and y downwards

POINTS_OF_AN_ARC = 40
POINTS_OF_A_SPAN = 10  # of a curve, between two of the points that it goes through


def line(*points: tuple[float, float]) -> Points:
    return np.array(points, np.float64)


def curve(*points: tuple[float, float]) -> Points:
    """Through all the points, without corners."""
    corners = np.array(points, np.float64)
    return np.concatenate([catmull_rom(corners, POINTS_OF_A_SPAN), corners[-1:]])


def arc(centre: tuple[float, float], radii: tuple[float, float], start: float, sweep: float) -> Points:
    """Of an ellipse, from an angle on and through another one, in degrees: 0 is right, 90 is down."""
    angles = np.radians(start + np.linspace(0, sweep, POINTS_OF_AN_ARC))
    return np.array(centre) + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii


def joined(*parts: Points) -> Points:
    """One stroke with a corner wherever two parts meet."""
    return np.concatenate(parts)


def about(value: float, spread: float, rng: Generator) -> float:
    return float(value + rng.uniform(-spread, spread))


def random_wave(rng: Generator) -> tuple[Points, Points, float]:
    """A direction, phases and an amplitude for `warp`."""
    return rng.uniform(2, 5, (2, 2)), rng.uniform(0, 2 * np.pi, (1, 2)), float(rng.uniform(0, 0.035))


def warp(points: Points, frequencies: Points, phases: Points, amplitude: float) -> Points:
    """Moves the points by a wave that is the same for all strokes of a digit, so what is joined stays joined."""
    moved: Points = points + amplitude * np.sin(points @ frequencies + phases)
    return moved
