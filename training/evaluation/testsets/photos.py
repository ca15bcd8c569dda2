"""MNIST's test digits made to look like phone photos of pencil, pen and marker on plain, ruled and squared paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Ink, Kind, of_digits
from training.evaluation.testsets.centreline import centreline, drawn
from training.evaluation.testsets.rendering import Levels, Place, blurred, file_of, placed, resized, trimmed

Sheet = Levels  # (H, W, 3), RGB: how much of the light comes back
Cover = Levels  # (H, W): how much of the paper is covered

SIZES = ((480, 640), (640, 480), (600, 800), (720, 540))  # height, width: as messengers send photos
BEYOND = 1.2  # the sheet is larger than what is seen of it
DARK, BLUE, RED, GREEN = (0.12, 0.12, 0.14), (0.12, 0.2, 0.6), (0.7, 0.12, 0.16), (0.1, 0.42, 0.22)


def kind(digits: Digits) -> Kind:
    about = (
        "MNIST's test digits made to look like photos of pencil, pen and marker on plain, ruled and squared paper: "
        "uneven light, shadow, blur, noise, perspective, JPEG"
    )
    photos = {f"{pen} on {paper} paper": Photo(pen, paper) for pen in WRITE for paper in PRINTED}
    return Kind("phone photos", about, {name: of_digits(digits, each.of) for name, each in photos.items()}, each=100)


def large_kind(digits: Digits) -> Kind:
    photo = Photo("pen", "plain", sizes=((600, 800),), enlarge=5)
    variants = {"pen on plain paper": of_digits(digits, photo.of)}
    return Kind("photos of 12 megapixels", "the same at a phone's full size, 4000 x 3000", variants, each=20)


@dataclass(frozen=True)
class Photo:
    pen: str
    paper: str
    sizes: tuple[tuple[int, int], ...] = SIZES
    enlarge: int = 1

    def of(self, digit: Ink, rng: Generator) -> bytes:
        seen = self.sizes[rng.integers(len(self.sizes))]
        place = anywhere(seen, rng)
        sheet = blank(place, rng) * PRINTED[self.paper](place, rng) * WRITE[self.pen](digit, place, rng)
        return developed(looked_at(sheet, seen, rng) * light(seen, rng), self.enlarge, rng)


def anywhere(seen: tuple[int, int], rng: Generator) -> Place:
    """On a sheet that reaches beyond what is seen; the digit within, a tenth of it off the border at least."""
    side = rng.uniform(0.18, 0.6) * min(seen)
    offset = [(BEYOND - 1) / 2 * length + rng.uniform(0.1, 0.9 - side / length) * length for length in seen]
    height, width = (round(BEYOND * length) for length in seen)
    return Place((height, width), side, (offset[1], offset[0]))


# --- the sheet ---


def blank(place: Place, rng: Generator) -> Sheet:
    """White or yellowish paper with its fibres."""
    fibres = blurred(rng.standard_normal(place.sheet, np.float32), rng.uniform(0.6, 1.5))
    tint = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.86, 1)], np.float32)
    grey = np.float32(rng.uniform(0.88, 0.98)) + np.float32(rng.uniform(0.005, 0.02)) * fibres
    return np.asarray(grey[:, :, np.newaxis] * tint, np.float32)


def plain(place: Place, _: Generator) -> Sheet:
    return np.ones((*place.sheet, 1), np.float32)


def ruled(place: Place, rng: Generator) -> Sheet:
    """Lines as far apart as the digit is high, or somewhat more; the digit may cross them."""
    return with_lines(place, rng, spacing=rng.uniform(0.9, 1.6) * place.side, across=False)


def squared(place: Place, rng: Generator) -> Sheet:
    return with_lines(place, rng, spacing=rng.uniform(0.3, 0.7) * place.side, across=True)


def with_lines(place: Place, rng: Generator, *, spacing: float, across: bool) -> Sheet:
    cover = np.zeros(place.sheet, np.float32)
    width = 1 if spacing < 60 else 2
    for position in np.arange(rng.uniform(0, spacing), place.sheet[0], spacing):
        cover[round(position) : round(position) + width] = 1
    for position in np.arange(rng.uniform(0, spacing), place.sheet[1], spacing) if across else ():
        cover[:, round(position) : round(position) + width] = 1
    return let_through(cover * rng.uniform(0.25, 0.6), [(0.45, 0.6, 0.9), (0.55, 0.55, 0.6)][rng.integers(2)])


PRINTED: dict[str, Callable[[Place, Generator], Sheet]] = {"plain": plain, "ruled": ruled, "squared": squared}


# --- the ink ---


def pencil(digit: Ink, place: Place, rng: Generator) -> Sheet:
    """Grey and grainy."""
    cover = line(digit, place, rng.uniform(0.025, 0.05))
    grain = blurred(rng.random(place.sheet, np.float32), 0.8)
    return let_through(cover * (0.6 + 0.8 * (grain - 0.5)) * rng.uniform(0.9, 1.3), (0.25, 0.25, 0.27))


def pen(digit: Ink, place: Place, rng: Generator) -> Sheet:
    cover = line(digit, place, rng.uniform(0.025, 0.055))
    return let_through(cover * rng.uniform(0.8, 1), [DARK, BLUE, RED][rng.choice(3, p=[0.4, 0.45, 0.15])])


def marker(digit: Ink, place: Place, rng: Generator) -> Sheet:
    """With MNIST's own stroke."""
    shape = trimmed(digit)
    ink = resized(shape, max(1, round(place.side * min(1, shape.shape[0] / shape.shape[1]))))
    soft = blurred(ink, place.side / 50)  # without the stairs of 20 pixels
    edged = np.clip((soft - 80) / 96, 0, 1)
    x, y = (round(each) for each in place.corner)
    cover = placed((edged * 255).astype(np.uint8), place.sheet, (y, x)) / np.float32(255)
    return let_through(cover * rng.uniform(0.85, 1), [DARK, BLUE, RED, GREEN][rng.integers(4)])


WRITE: dict[str, Callable[[Ink, Place, Generator], Sheet]] = {"pencil": pencil, "pen": pen, "marker": marker}


def line(digit: Ink, place: Place, width: float) -> Cover:
    stroke = max(1, round(width * place.side))
    return drawn(centreline(digit), place, stroke) / np.float32(255)


def let_through(cover: Cover, colour: tuple[float, float, float]) -> Sheet:
    """How much light ink of this colour lets through."""
    return 1 - np.clip(cover, 0, 1)[:, :, np.newaxis] * (1 - np.array(colour, np.float32))


# --- the photo ---


def looked_at(sheet: Sheet, seen: tuple[int, int], rng: Generator) -> Sheet:
    """From somewhat aside, the phone not quite upright."""
    height, width = seen
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    middle = np.array([width, height], np.float32) / 2
    angle = np.radians(rng.uniform(-8, 8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    aside = rng.uniform(-0.04, 0.04, (4, 2)) * min(seen)
    on_sheet = (corners - middle) @ turn + aside + np.array(sheet.shape[1::-1]) / 2
    view = cv2.getPerspectiveTransform(on_sheet.astype(np.float32), corners)
    return np.asarray(cv2.warpPerspective(sheet, view, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def light(seen: tuple[int, int], rng: Generator) -> Sheet:
    """Brighter on one side, darker in the corners, often with the shadow of a hand; of a lamp's or a sky's tint."""
    y, x = np.mgrid[-1 : 1 : seen[0] * 1j, -1 : 1 : seen[1] * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0.05, 0.3) * (x * np.cos(angle) + y * np.sin(angle))
    corners = rng.uniform(0, 0.15) * (x**2 + y**2)
    bright = rng.uniform(0.6, 0.95) + slope - corners
    if rng.random() < 0.6:
        bright *= 1 - rng.uniform(0.2, 0.5) * shadow(seen, rng)
    tint = 1 + np.array([1, 0, -1], np.float32) * rng.uniform(-0.08, 0.12)
    return np.asarray(bright[:, :, np.newaxis] * tint, np.float32)


def shadow(seen: tuple[int, int], rng: Generator) -> Cover:
    """Beyond a soft edge that crosses the picture somewhere."""
    y, x = np.mgrid[-1 : 1 : seen[0] * 1j, -1 : 1 : seen[1] * 1j].astype(np.float32)
    angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.3)
    edge = x * np.cos(angle) + y * np.sin(angle) + 0.1 * np.sin(rng.uniform(2, 6) * (x - y)) - rng.uniform(-0.6, 0.6)
    return np.asarray(1 / (1 + np.exp(np.clip(-edge / softness, -30, 30))), np.float32)


def developed(seen: Sheet, enlarge: int, rng: Generator) -> bytes:
    """Blurred by focus and hand, noisy, and a JPEG."""
    picture = blurred(seen, rng.uniform(0.3, 1.6)) * np.float32(255)
    noise = rng.standard_normal(seen.shape, np.float32) * np.float32(rng.uniform(1, 7))
    if enlarge > 1:
        picture = np.asarray(cv2.resize(picture, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC))
        noise = np.tile(noise, (enlarge, enlarge, 1))
    pixels = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return file_of(pixels, "JPEG", quality=int(rng.integers(45, 93)))
