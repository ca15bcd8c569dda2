"""Digits in any colour on a ground of one or two colours."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Ink
from training.evaluation.testsets.base import RenderDigit
from training.evaluation.testsets.rendering import RGB, blur, encode, place_randomly, resize_to_height

FloatColour = NDArray[np.float64]  # (3,): RGB, 0 to 255
Ground = NDArray[np.float64]  # (H, W, 3): RGB, 0 to 255
Paint = Callable[[tuple[int, int], Generator], tuple[Ground, list[FloatColour]]]  # -> the ground, the digit's colours

LUMA = np.array([0.299, 0.587, 0.114])
LEGIBLE = 50  # distance in CIE Lab: ink on ground is read at a glance
DISTINCT = 20  # distance in CIE Lab: two grounds are two
LEAST_LUMA = 50  # grey levels between the ink and each of two grounds that it crosses


def any_colour(rng: Generator) -> FloatColour:
    hue, saturation, value = rng.random(), rng.random() ** 0.5, rng.uniform(0.1, 1)
    return 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def distance(one: FloatColour, other: FloatColour) -> float:
    lab = cv2.cvtColor(np.array([[one, other]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


def colour_far_from(rng: Generator, others: list[FloatColour], least: float) -> FloatColour:
    while True:
        colour = any_colour(rng)
        if all(distance(colour, other) >= least for other in others):
            return colour


def marker(rng: Generator) -> FloatColour:
    """Of a highlighter: bright and saturated, of any hue."""
    return 255 * np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 1), rng.uniform(0.85, 1)))


def two_grounds(rng: Generator) -> tuple[FloatColour, FloatColour]:
    one = any_colour(rng)
    return one, colour_far_from(rng, [one], DISTINCT)


# --- grounds: the digit is within the middle half of the sheet -------------------------------------------------------


def one_colour(size: tuple[int, int], rng: Generator) -> tuple[Ground, list[FloatColour]]:
    colour = any_colour(rng)
    return np.broadcast_to(colour, (*size, 3)).copy(), [colour]


def highlighted(size: tuple[int, int], rng: Generator) -> tuple[Ground, list[FloatColour]]:
    """A highlighter's mark on paper, around the digit or across the page."""
    mark = marker(rng)
    ground = np.full((*size, 3), rng.uniform(235, 255))
    top, left = (round(side * rng.uniform(0.05, 0.22)) for side in size)
    bottom, right = (round(side * rng.uniform(0.78, 0.95)) for side in size)
    if rng.random() < 0.5:
        left, right = 0, size[1]
    ground[top:bottom, left:right] = mark
    return ground, [mark]


def card(size: tuple[int, int], rng: Generator) -> tuple[Ground, list[FloatColour]]:
    """A card, straight or turned, on a table."""
    table, paper = two_grounds(rng)
    ground = np.broadcast_to(table, (*size, 3)).copy()
    turn = float(rng.normal(0, 4))
    sides = [side * float(rng.uniform(0.74, 0.9)) for side in size[::-1]]
    corners = cv2.boxPoints(((size[1] / 2, size[0] / 2), sides, turn))
    cv2.fillConvexPoly(ground, np.rint(corners).astype(np.int32), paper.tolist(), cv2.LINE_AA)
    return ground, [paper]


def halves(size: tuple[int, int], rng: Generator) -> tuple[Ground, list[FloatColour]]:
    """Two colours whose border runs through the digit."""
    one, other = two_grounds(rng)
    return divided(size, rng, one, other), [one, other]


def half_shaded(size: tuple[int, int], rng: Generator) -> tuple[Ground, list[FloatColour]]:
    """A shadow's edge runs through the digit."""
    light = 255 * np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.8, 1)))
    dark = light * rng.uniform(0.5, 0.85)
    return divided(size, rng, light, dark), [light, dark]


def divided(size: tuple[int, int], rng: Generator, one: FloatColour, other: FloatColour) -> Ground:
    y, x = np.mgrid[: size[0], : size[1]]
    angle = float(rng.choice([0, 0.5]) * np.pi + rng.normal(0, 0.1)) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    side = (x - size[1] * rng.uniform(0.35, 0.65)) * np.cos(angle) + (y - size[0] * rng.uniform(0.35, 0.65)) * np.sin(
        angle
    )
    share = np.clip(side + 0.5, 0, 1)[:, :, np.newaxis]
    return np.asarray(one * share + other * (1 - share))


def on_ground(paint: Paint) -> RenderDigit:
    def render(digit: Ink, rng: Generator) -> bytes:
        side = int(np.exp(rng.uniform(np.log(40), np.log(500))))
        ink = place_on_sheet(digit, side, rng)
        ground, colours = paint(ink.shape, rng)
        return encode(coloured(ink, ground, choose_ink(colours, rng), rng))

    return render


def place_on_sheet(digit: Ink, side: int, rng: Generator) -> Ink:
    """In the middle half of a sheet as large as `side` or up to a third larger."""
    ink = resize_to_height(digit[4:24, 4:24], max(20, side // 2))
    size = (side, round(side * float(rng.uniform(1, 1.33))))
    middle = place_randomly(ink, (ink.shape[0] + side // 12, ink.shape[1] + side // 12), rng)
    sheet = np.zeros((max(size[0], middle.shape[0] + 2), max(size[1], middle.shape[1] + 2)), np.uint8)
    top, left = ((room - taken) // 2 for room, taken in zip(sheet.shape, middle.shape, strict=True))
    sheet[top : top + middle.shape[0], left : left + middle.shape[1]] = middle
    return sheet


def choose_ink(grounds: list[FloatColour], rng: Generator) -> FloatColour:
    """Legible on each ground; where there are two, darker than both or lighter than both. Black half of the time."""
    black = rng.uniform(0, 50, 3)
    if rng.random() < 0.5 and is_legible(black, grounds):
        return black
    for _ in range(500):
        colour = any_colour(rng)
        if is_legible(colour, grounds):
            return colour
    return 255.0 * (np.mean(grounds) < 128) * np.ones(3)


def is_legible(colour: FloatColour, grounds: list[FloatColour]) -> bool:
    if any(distance(colour, ground) < LEGIBLE for ground in grounds):
        return False
    lumas = [float((ground - colour) @ LUMA) for ground in grounds]
    return len(grounds) == 1 or min(lumas) > LEAST_LUMA or max(lumas) < -LEAST_LUMA


def coloured(ink: Ink, ground: Ground, colour: FloatColour, rng: Generator) -> RGB:
    share = ink[:, :, np.newaxis] / 255
    pixels = ground + (colour - ground) * share
    if rng.random() < 0.4:
        pixels = blur(pixels, float(rng.uniform(0.3, 1.2))).astype(np.float64)
    return np.clip(pixels + rng.normal(0, rng.choice([0, 0, 2]), pixels.shape), 0, 255).astype(np.uint8)
