"""Ways in which the world writes the ten digits, as strokes in a unit square, x to the right and y downwards.

Crossed sevens, flagged and footed ones, open, closed and looped fours, nines like g and q, slashed zeros: MNIST's
American writers have few of them. Each way is a function that draws its random numbers and returns the strokes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator

from training.synthesis.glyphs import choose_weighted
from training.synthesis.strokes import (
    POINTS_OF_AN_ARC,
    Strokes,
    about,
    arc,
    curve,
    joined,
    line,
    random_wave,
    warp,
)

Way = Callable[[Generator], Strokes]


def random_strokes(digit: int, rng: Generator) -> Strokes:
    """The digit in one of its ways."""
    return strokes_of(choose_weighted(WAYS[digit], rng), rng)


def strokes_of(way: Way, rng: Generator) -> Strokes:
    """A digit in this way, as no hand writes it twice."""
    strokes, wave = way(rng), random_wave(rng)
    return [warp(stroke, *wave) for stroke in strokes]


# --- the ways ---


def oval(rng: Generator) -> Strokes:
    start, sweep = about(-90, 50, rng), rng.uniform(325, 400)
    return [arc((0.5, 0.5), (0.5, 0.5), start, -sweep if rng.random() < 0.8 else sweep)]


def oval_with_loop(rng: Generator) -> Strokes:
    """Closed at the top by a small loop or a hook."""
    tail = curve((0.5, 0.0), (about(0.7, 0.1, rng), 0.1), (0.5, about(0.2, 0.08, rng)), (0.35, about(0.08, 0.06, rng)))
    return [joined(arc((0.5, 0.5), (0.5, 0.5), -90, -360), tail)]


def slashed_zero(rng: Generator) -> Strokes:
    reach = about(0.0, 0.2, rng)
    slash = line((0.85 + reach, 0.15 - reach), (0.15 - reach, 0.85 + reach))
    return [*oval(rng), slash if rng.random() < 0.85 else slash * [-1, 1] + [1, 0]]


def dotted_zero(rng: Generator) -> Strokes:
    length = rng.uniform(0.01, 0.12)
    return [*oval(rng), line((0.5, 0.5 - length), (0.5, 0.5 + length))]


def bar_one(rng: Generator) -> Strokes:
    bend = about(0, 0.04, rng)
    return [curve((0.5, 0), (0.5 + bend, 0.5), (0.5, 1))]


def flagged_one(rng: Generator) -> Strokes:
    """The flag ends above the middle, and lower than the top bar of a 7."""
    reach = rng.uniform(0.12, 0.4)
    flag = line((0.5 - reach, reach * rng.uniform(0.6, 1.5) + 0.04), (0.5, 0))
    return [joined(flag, line((0.5, 0), (about(0.5, 0.03, rng), 1)))]


def footed_one(rng: Generator) -> Strokes:
    left, right = rng.uniform(0.12, 0.4, 2)
    stem = flagged_one(rng) if rng.random() < 0.85 else bar_one(rng)
    return [*stem, line((0.5 - left, about(1, 0.02, rng)), (0.5 + right, about(1, 0.02, rng)))]


def long_flagged_one(rng: Generator) -> Strokes:
    """The flag is half as long as the stem, as in central Europe."""
    return [line((about(0.05, 0.08, rng), about(0.5, 0.1, rng)), (0.6, 0), (about(0.6, 0.05, rng), 1))]


def round_two(rng: Generator) -> Strokes:
    y = about(0.25, 0.08, rng)
    head = curve((0.1, y), (0.3, 0.04), (0.65, 0.02), (0.88, 0.25), (0.7, about(0.55, 0.06, rng)), (0.08, 0.98))
    return [joined(head, line((0.08, 0.98), (0.95, about(0.97, 0.04, rng))))]


def looped_two(rng: Generator) -> Strokes:
    head = [(0.12, 0.22), (0.4, 0.01), (0.82, 0.2), (about(0.62, 0.05, rng), 0.58), (0.25, 0.93)]
    loop = [(0.03, about(0.95, 0.03, rng)), (0.06, about(0.8, 0.04, rng)), (0.3, about(0.83, 0.03, rng))]
    return [curve(*head, *loop, (0.62, 0.97), (0.97, about(0.88, 0.05, rng)))]


def z_like_two(rng: Generator) -> Strokes:
    top, base = about(0.04, 0.05, rng), about(0.97, 0.03, rng)
    head = line((about(0.1, 0.06, rng), top), (0.85, 0.02))
    bow = curve((0.85, 0.02), (about(0.62, 0.06, rng), about(0.45, 0.05, rng)), (0.06, 0.97))
    return [joined(head, bow, line((0.06, 0.97), (0.95, base)))]


def swan_two(rng: Generator) -> Strokes:
    """With a curl at its beginning and a wave for its foot."""
    curl = [(0.3, 0.3), (0.12, about(0.28, 0.04, rng)), (0.2, 0.06), (0.55, 0.0), (0.85, 0.22), (0.6, 0.58)]
    return [joined(curve(*curl, (0.08, 0.95)), curve((0.08, 0.95), (0.3, 0.86), (0.65, 1.0), (0.98, 0.85)))]


def round_three(rng: Generator) -> Strokes:
    waist = (about(0.4, 0.1, rng), about(0.46, 0.03, rng))
    upper = curve((0.1, about(0.14, 0.06, rng)), (0.45, 0), (0.82, 0.14), (0.75, 0.36), waist)
    return [joined(upper, curve(waist, (0.82, 0.56), (0.92, 0.8), (0.5, 1), (0.05, about(0.88, 0.06, rng))))]


def flat_topped_three(rng: Generator) -> Strokes:
    waist = (about(0.4, 0.08, rng), about(0.42, 0.04, rng))
    top = line((0.08, about(0.04, 0.04, rng)), (0.86, 0.02), waist)
    return [joined(top, curve(waist, (0.8, 0.48), (0.94, 0.74), (0.55, 1), (0.05, about(0.9, 0.06, rng))))]


def looped_three(rng: Generator) -> Strokes:
    upper = [(0.1, 0.15), (0.45, 0), (0.82, 0.15), (0.7, 0.36), (0.42, 0.46)]
    loop = [(0.26, about(0.5, 0.03, rng)), (0.3, about(0.4, 0.03, rng)), (0.5, 0.46)]
    return [curve(*upper, *loop, (0.85, 0.6), (0.85, 0.88), (0.45, 1), (0.05, about(0.86, 0.05, rng)))]


def open_four(rng: Generator) -> Strokes:
    bar, top = about(0.58, 0.08, rng), about(0.08, 0.08, rng)
    left = about(0.1, 0.06, rng)
    corner = joined(curve((left + 0.12, 0), (left + 0.06, bar / 2), (left, bar)), line((left, bar), (0.98, bar)))
    return [corner, line((about(0.72, 0.06, rng), top), (about(0.7, 0.06, rng), 1))]


def round_open_four(rng: Generator) -> Strokes:
    """Like a u or a y: without a corner."""
    bowl = curve((0.1, 0), (0.06, 0.35), (0.25, about(0.55, 0.04, rng)), (0.8, about(0.45, 0.06, rng)))
    return [bowl, line((0.85, about(0.04, 0.04, rng)), (about(0.75, 0.08, rng), 1))]


def closed_four(rng: Generator) -> Strokes:
    bar = about(0.66, 0.07, rng)
    stem = about(0.66, 0.06, rng)
    return [line((stem, 0), (0.02, bar), (0.98, about(bar, 0.02, rng))), line((stem, 0), (about(stem, 0.03, rng), 1))]


def looped_four(rng: Generator) -> Strokes:
    """A loop where the open four has its corner."""
    bar = about(0.56, 0.05, rng)
    hook = curve((0.3, 0), (0.14, 0.35), (0.03, bar), (0.12, bar + 0.1), (0.24, bar - 0.02), (0.98, bar - 0.04))
    return [hook, line((about(0.72, 0.05, rng), about(0.2, 0.08, rng)), (about(0.64, 0.06, rng), 1))]


def one_stroke_four(rng: Generator) -> Strokes:
    """Down, to the right, up and down again, or closed like a nine with a corner."""
    bar = about(0.55, 0.06, rng)
    top = (about(0.75, 0.05, rng), about(0.05, 0.05, rng))
    start = (0.15, 0.02) if rng.random() < 0.6 else top
    return [line(start, (0.04, bar), (about(0.78, 0.04, rng), bar), top, (about(0.72, 0.06, rng), 1))]


def five(rng: Generator) -> Strokes:
    """The flag is a stroke of its own, which may not reach the stem, or begins the only stroke."""
    gap = rng.uniform(0, 0.16) if rng.random() < 0.5 else 0.0
    top, waist = 0.03, about(0.44, 0.05, rng)
    belly = curve(
        (0.16, waist), (0.5, waist - 0.07), (0.9, about(0.64, 0.04, rng)), (0.5, 1), (0.04, about(0.9, 0.05, rng))
    )
    flag = line((0.24 + gap, about(top, 0.03, rng)), (about(0.9, 0.1, rng), about(top, 0.04, rng)))
    return [flag, joined(line((0.24, top + gap / 4), (0.16, waist)), belly)]


def s_like_five(rng: Generator) -> Strokes:
    head = [(0.92, about(0.05, 0.05, rng)), (0.5, 0.01), (0.14, about(0.2, 0.04, rng)), (0.4, about(0.44, 0.03, rng))]
    return [curve(*head, (0.88, about(0.68, 0.04, rng)), (0.6, 0.98), (0.05, about(0.92, 0.06, rng)))]


def angular_five(rng: Generator) -> Strokes:
    waist = about(0.42, 0.05, rng)
    return [
        line((0.9, 0.02), (0.15, 0.03), (0.12, waist), (0.86, about(waist + 0.02, 0.04, rng)), (0.84, 0.97), (0.06, 1))
    ]


def curved_six(rng: Generator) -> Strokes:
    bowl = about(0.56, 0.06, rng)
    down = [(about(0.75, 0.12, rng), about(0.02, 0.04, rng)), (0.3, 0.25), (0.05, 0.65), (0.3, 0.98), (0.75, 0.96)]
    return [curve(*down, (0.94, 0.74), (0.6, bowl), (0.2, about(0.7, 0.05, rng)))]


def straight_six(rng: Generator) -> Strokes:
    stem = line((about(0.6, 0.15, rng), 0), (0.06, about(0.68, 0.06, rng)))
    return [joined(stem, arc((0.5, 0.73), (0.44, 0.27), 190, -rng.uniform(300, 370)))]


def curled_six(rng: Generator) -> Strokes:
    down = [(0.85, about(0.18, 0.05, rng)), (0.6, 0.0), (0.25, 0.15), (0.04, 0.55), (0.2, 0.95), (0.7, 0.97)]
    return [curve(*down, (0.9, 0.7), (0.55, about(0.5, 0.05, rng)), (0.1, about(0.68, 0.06, rng)))]


def seven(rng: Generator) -> Strokes:
    top, foot = about(0.04, 0.04, rng), about(0.4, 0.18, rng)
    if rng.random() < 0.4:
        bow = (about(0.6, 0.05, rng), about(0.45, 0.06, rng))
        return [joined(line((0.03, top), (0.95, 0.03)), curve((0.95, 0.03), bow, (foot, 1)))]
    return [line((0.03, top), (0.95, 0.03), (foot, 1))]


def crossed_seven(rng: Generator) -> Strokes:
    y, tilt = about(0.5, 0.09, rng), about(-0.02, 0.06, rng)
    left, right = about(0.25, 0.12, rng), about(0.88, 0.12, rng)
    return [*seven(rng), line((left, y - tilt), (right, y + tilt))]


def seven_with_serif(rng: Generator) -> Strokes:
    tick = line((about(0.04, 0.04, rng), rng.uniform(0.1, 0.24)), (0.03, 0.04))
    first, *bar = crossed_seven(rng) if rng.random() < 0.5 else seven(rng)
    return [joined(tick, first), *bar]


def eight(rng: Generator) -> Strokes:
    """One stroke that crosses itself, from the top right or from the middle, not always closed."""
    waist, start = about(0.46, 0.05, rng), about(0.1, 0.06, rng)
    angles = 2 * np.pi * np.linspace(start, start + about(0.98, 0.06, rng), 2 * POINTS_OF_AN_ARC)
    height = (1 - np.cos(angles)) / 2
    above = height < 0.5
    x = 0.5 + np.where(above, about(0.38, 0.06, rng), 0.48) * np.sin(2 * angles)
    y = np.where(above, 2 * height * waist, 1 - 2 * (1 - height) * (1 - waist))
    return [np.stack([x, y], axis=1)]


def eight_of_two_circles(rng: Generator) -> Strokes:
    waist = about(0.46, 0.06, rng)
    upper = arc((0.5, waist / 2), (about(0.36, 0.06, rng), waist / 2), about(0, 180, rng), 360)
    return [upper, arc((0.5, (1 + waist) / 2), (0.46, (1 - waist) / 2), about(-90, 60, rng), 360)]


def open_eight(rng: Generator) -> Strokes:
    """The ends of the stroke pass each other at the top right."""
    down = [(about(0.9, 0.06, rng), about(0.1, 0.05, rng)), (0.5, 0.01), (0.12, 0.2), (0.5, 0.47), (0.92, 0.75)]
    return [curve(*down, (0.5, 1), (0.06, 0.76), (0.5, 0.48), (about(0.92, 0.06, rng), about(0.06, 0.06, rng)))]


def nine(rng: Generator) -> Strokes:
    bowl = arc((0.45, 0.27), (0.43, 0.27), about(-25, 20, rng), -rng.uniform(320, 370))
    foot = about(0.75, 0.15, rng)
    return [bowl, line((about(0.88, 0.03, rng), about(0.12, 0.12, rng)), (foot, 1))]


def curved_nine(rng: Generator) -> Strokes:
    """A six upside down."""
    return [[1, 1] - stroke for stroke in curved_six(rng)]


def g_like_nine(rng: Generator) -> Strokes:
    bowl = arc((0.45, 0.24), (0.42, 0.24), -20, -rng.uniform(330, 365))
    tail = [(0.87, about(0.08, 0.08, rng)), (0.88, 0.6), (0.78, 0.93), (0.4, 1), (0.08, about(0.88, 0.05, rng))]
    return [bowl, curve(*tail, *([(0.3, 0.74), (0.95, 0.62)] if rng.random() < 0.2 else []))]


def q_like_nine(rng: Generator) -> Strokes:
    bowl = arc((0.42, 0.26), (0.4, 0.26), -20, -rng.uniform(330, 365))
    return [
        bowl,
        line(
            (0.82, about(0.06, 0.06, rng)), (about(0.78, 0.04, rng), 1), (about(1.0, 0.06, rng), about(0.86, 0.05, rng))
        ),
    ]


# Each way with its weight: how often it is chosen, relative to the others.
WAYS: Sequence[Sequence[tuple[Way, float]]] = (
    [(oval, 4), (oval_with_loop, 2), (slashed_zero, 2), (dotted_zero, 1)],
    [(bar_one, 2), (flagged_one, 3), (footed_one, 3), (long_flagged_one, 2)],
    [(round_two, 3), (looped_two, 3), (z_like_two, 3), (swan_two, 2)],
    [(round_three, 3), (flat_topped_three, 3), (looped_three, 2)],
    [(open_four, 3), (round_open_four, 2), (closed_four, 3), (looped_four, 2), (one_stroke_four, 2)],
    [(five, 4), (s_like_five, 3), (angular_five, 1)],
    [(curved_six, 3), (straight_six, 2), (curled_six, 2)],
    [(seven, 3), (crossed_seven, 4), (seven_with_serif, 3)],
    [(eight, 4), (eight_of_two_circles, 3), (open_eight, 2)],
    [(nine, 3), (curved_nine, 3), (g_like_nine, 3), (q_like_nine, 2)],
)
