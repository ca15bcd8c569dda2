"""Test sets of simulated phone photos: MNIST's test digits in pencil, pen and marker on plain, ruled, squared paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import TestSet, digit_variant
from training.evaluation.testsets.centreline import draw_centreline, extract_centreline
from training.evaluation.testsets.rendering import (
    Levels,
    Placement,
    Size,
    blur,
    crop_to_ink,
    encode,
    place,
    resize_to_height,
)

Reflectance = Levels  # (H, W, 3), RGB: the share of the light that comes back
Light = Levels  # (H, W, 3), RGB: the light on the sensor, from 0 (black) to 1 (white)
Coverage = Levels  # (H, W): the share of the paper that ink covers
InkColour = tuple[float, float, float]  # RGB reflectance

PHOTO_SIZES: tuple[Size, ...] = ((480, 640), (640, 480), (600, 800), (720, 540))  # as messengers send photos
SHEET_SCALE = 1.2  # sheet length per photo length: a turned camera still sees paper in all corners
MARGIN = 0.1  # of the photo, between the digit and its border
FINE_SPACING = 60  # pixels between printed lines: below it they are 1 pixel wide, else 2

DARK: InkColour = (0.12, 0.12, 0.14)
BLUE: InkColour = (0.12, 0.2, 0.6)
RED: InkColour = (0.7, 0.12, 0.16)
GREEN: InkColour = (0.1, 0.42, 0.22)
GRAPHITE: InkColour = (0.25, 0.25, 0.27)
RULING_COLOURS: list[InkColour] = [(0.45, 0.6, 0.9), (0.55, 0.55, 0.6)]  # blue, grey


def phone_photos(digits: Digits) -> TestSet:
    photos = {f"{tool} on {paper} paper": Photo(tool, paper) for tool in TOOLS for paper in PAPERS}
    return TestSet(
        "phone photos",
        "simulated photos of MNIST's test digits in pencil, pen and marker on plain, ruled and squared paper: "
        "uneven light, shadow, blur, noise, perspective, JPEG",
        {name: digit_variant(digits, photo.render) for name, photo in photos.items()},
        pictures_per_variant=100,
    )


def large_phone_photos(digits: Digits) -> TestSet:
    photo = Photo("pen", "plain", sizes=((600, 800),), enlargement=5)
    return TestSet(
        "photos of 12 megapixels",
        "the same at the full size of a phone's camera, 4000 x 3000",
        {"pen on plain paper": digit_variant(digits, photo.render)},
        pictures_per_variant=20,
    )


@dataclass(frozen=True)
class Photo:
    tool: str  # a key of TOOLS
    paper: str  # a key of PAPERS
    sizes: tuple[Size, ...] = PHOTO_SIZES
    enlargement: int = 1  # of the photo at the end: most steps would be slow at full size

    def render(self, digit: Ink, rng: Generator) -> bytes:
        """A JPEG file."""
        size = self.sizes[rng.integers(len(self.sizes))]
        placement = choose_placement(size, rng)
        sheet = blank_paper(placement, rng) * PAPERS[self.paper](placement, rng)
        sheet = sheet * TOOLS[self.tool](digit, placement, rng)
        return encode_photo(photograph(sheet, size, rng) * illuminate(size, rng), self.enlargement, rng)


def choose_placement(photo: Size, rng: Generator) -> Placement:
    """Somewhere on a sheet that is larger than the photo; the digit is inside the photo."""
    side = rng.uniform(0.18, 0.6) * min(photo)
    offset = [
        (SHEET_SCALE - 1) / 2 * length + rng.uniform(MARGIN, 1 - MARGIN - side / length) * length for length in photo
    ]
    height, width = (round(SHEET_SCALE * length) for length in photo)
    return Placement((height, width), side, (offset[1], offset[0]))


# --- paper ---


def blank_paper(placement: Placement, rng: Generator) -> Reflectance:
    """White or yellowish paper with visible fibres."""
    fibres = blur(rng.standard_normal(placement.sheet, np.float32), rng.uniform(0.6, 1.5))
    tint = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.86, 1)], np.float32)
    grey = np.float32(rng.uniform(0.88, 0.98)) + np.float32(rng.uniform(0.005, 0.02)) * fibres
    return np.asarray(grey[:, :, np.newaxis] * tint, np.float32)


def plain(placement: Placement, _: Generator) -> Reflectance:
    return np.ones((*placement.sheet, 1), np.float32)


def ruled(placement: Placement, rng: Generator) -> Reflectance:
    """Horizontal lines, 0.9 to 1.6 digit sides apart; the digit may cross them."""
    return print_lines(placement, rng, spacing=rng.uniform(0.9, 1.6) * placement.side, vertical=False)


def squared(placement: Placement, rng: Generator) -> Reflectance:
    return print_lines(placement, rng, spacing=rng.uniform(0.3, 0.7) * placement.side, vertical=True)


def print_lines(placement: Placement, rng: Generator, *, spacing: float, vertical: bool) -> Reflectance:
    """Horizontal and, if asked for, vertical lines, `spacing` pixels apart."""
    coverage = np.zeros(placement.sheet, np.float32)
    width = 1 if spacing < FINE_SPACING else 2
    for position in np.arange(rng.uniform(0, spacing), placement.sheet[0], spacing):
        coverage[round(position) : round(position) + width] = 1
    for position in np.arange(rng.uniform(0, spacing), placement.sheet[1], spacing) if vertical else ():
        coverage[:, round(position) : round(position) + width] = 1
    return reflectance(coverage * rng.uniform(0.25, 0.6), RULING_COLOURS[rng.integers(2)])


PAPERS: dict[str, Callable[[Placement, Generator], Reflectance]] = {"plain": plain, "ruled": ruled, "squared": squared}


# --- writing tools ---


def pencil(digit: Ink, placement: Placement, rng: Generator) -> Reflectance:
    """Grey and grainy."""
    coverage = draw_stroke(digit, placement, rng.uniform(0.025, 0.05))
    grain = blur(rng.random(placement.sheet, np.float32), 0.8)
    return reflectance(coverage * (0.6 + 0.8 * (grain - 0.5)) * rng.uniform(0.9, 1.3), GRAPHITE)


def pen(digit: Ink, placement: Placement, rng: Generator) -> Reflectance:
    coverage = draw_stroke(digit, placement, rng.uniform(0.025, 0.055))
    return reflectance(coverage * rng.uniform(0.8, 1), [DARK, BLUE, RED][rng.choice(3, p=[0.4, 0.45, 0.15])])


def marker(digit: Ink, placement: Placement, rng: Generator) -> Reflectance:
    """MNIST's own stroke, enlarged."""
    cropped = crop_to_ink(digit)
    height = round(placement.side * min(1, cropped.shape[0] / cropped.shape[1]))
    blurred = blur(resize_to_height(cropped, max(1, height)), placement.side / 50)  # no stairs of MNIST's 20 pixels
    sharpened = np.clip((blurred - 80) / 96, 0, 1)
    x, y = (round(coordinate) for coordinate in placement.corner)
    coverage = place((sharpened * 255).astype(np.uint8), placement.sheet, (y, x)) / np.float32(255)
    return reflectance(coverage * rng.uniform(0.85, 1), [DARK, BLUE, RED, GREEN][rng.integers(4)])


TOOLS: dict[str, Callable[[Ink, Placement, Generator], Reflectance]] = {"pencil": pencil, "pen": pen, "marker": marker}


def draw_stroke(digit: Ink, placement: Placement, width: float) -> Coverage:
    """The digit's centre line; `width` is in the digit's side."""
    pixels = max(1, round(width * placement.side))
    return draw_centreline(extract_centreline(digit), placement, pixels) / np.float32(255)


def reflectance(coverage: Coverage, colour: InkColour) -> Reflectance:
    """(H, W) -> (H, W, 3): 1 where there is no ink, `colour` where it covers the paper."""
    return 1 - np.clip(coverage, 0, 1)[:, :, np.newaxis] * (1 - np.array(colour, np.float32))


# --- camera ---


def photograph(sheet: Reflectance, size: Size, rng: Generator) -> Reflectance:
    """The part of the sheet that a camera sees which is turned by up to 8 degrees and not parallel to the paper."""
    height, width = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    middle = np.array([width, height], np.float32) / 2
    angle = np.radians(rng.uniform(-8, 8))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    perspective = rng.uniform(-0.04, 0.04, (4, 2)) * min(size)
    on_sheet = (corners - middle) @ rotation + perspective + np.array(sheet.shape[1::-1]) / 2
    view = cv2.getPerspectiveTransform(on_sheet.astype(np.float32), corners)
    return np.asarray(cv2.warpPerspective(sheet, view, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def illuminate(size: Size, rng: Generator) -> Light:
    """Tinted light: brighter on one side, darker in the corners, in 60 % of the photos with a shadow."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0.05, 0.3) * (x * np.cos(angle) + y * np.sin(angle))
    vignette = rng.uniform(0, 0.15) * (x**2 + y**2)
    brightness = rng.uniform(0.6, 0.95) + slope - vignette
    if rng.random() < 0.6:
        brightness *= 1 - rng.uniform(0.2, 0.5) * cast_shadow(size, rng)
    tint = 1 + np.array([1, 0, -1], np.float32) * rng.uniform(-0.08, 0.12)
    return np.asarray(brightness[:, :, np.newaxis] * tint, np.float32)


def cast_shadow(size: Size, rng: Generator) -> Levels:
    """(H, W): 1 in the shadow of a hand, 0 in the light, with a soft wavy edge."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.3)
    edge = x * np.cos(angle) + y * np.sin(angle) + 0.1 * np.sin(rng.uniform(2, 6) * (x - y)) - rng.uniform(-0.6, 0.6)
    return np.asarray(1 / (1 + np.exp(np.clip(-edge / softness, -30, 30))), np.float32)


def encode_photo(light: Light, enlargement: int, rng: Generator) -> bytes:
    """A JPEG with defocus and sensor noise."""
    picture = blur(light, rng.uniform(0.3, 1.6)) * np.float32(255)
    noise = rng.standard_normal(light.shape, np.float32) * np.float32(rng.uniform(1, 7))
    if enlargement > 1:
        size = (enlargement * light.shape[1], enlargement * light.shape[0])
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
        noise = np.tile(noise, (enlargement, enlargement, 1))
    pixels = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return encode(pixels, "JPEG", quality=int(rng.integers(45, 93)))
