"""Pictures of one digit, of every kind that preprocessing tells apart."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.support.mnist_pictures import enlarged_digit, mnist_digit
from training.evaluation.single_digits.outlines import CROSSED, TOUCHING, around, box, ring
from training.evaluation.testsets.base import RenderDigit
from training.evaluation.testsets.pen_and_paper import write
from training.evaluation.testsets.photos import Photo
from training.evaluation.testsets.style_templates import TEMPLATES
from training.evaluation.testsets.styles import write_by_hand
from training.synthesis import scenes

Pixels = NDArray[np.uint8]  # (H, W), (H, W, 3) or (H, W, 4)
PictureKind = Callable[[int, Generator], Pixels]  # from the index of a test digit of MNIST


def plain(index: int, _: Generator) -> Pixels:
    return mnist_digit(index)[0]


def negative(index: int, _: Generator) -> Pixels:
    return 255 - mnist_digit(index)[0]


def canvas(index: int, rng: Generator) -> Pixels:
    """A drawing, dark on light or light on dark, somewhere on a canvas of any size."""
    side = int(rng.integers(20, 400))
    sheet = np.zeros(side + rng.integers(10, 600, 2), np.uint8)
    top, left = (int(rng.integers(5, room - side - 4)) for room in sheet.shape)
    sheet[top : top + side, left : left + side] = enlarged_digit(index, side)
    return sheet if rng.random() < 0.5 else 255 - sheet


def scene(make: scenes.Scene) -> PictureKind:
    def picture(index: int, rng: Generator) -> Pixels:
        return make(mnist_digit(index)[0][4:24, 4:24], rng)

    picture.__name__ = make.__name__
    return picture


def large_photo(index: int, rng: Generator) -> Pixels:
    """A photo with more pixels than preprocessing looks at."""
    photo = scenes.photo(mnist_digit(index)[0][4:24, 4:24], rng)
    longer_side = 1100 + int(rng.integers(900))
    scale = longer_side / max(photo.shape)
    large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large + rng.normal(0, 3, large.shape), 0, 255), np.uint8)


def squared_paper(index: int, rng: Generator) -> Pixels:
    """Level or slightly rotated."""
    sheet = np.full((300, 240), 235, np.uint8)
    slope, step = rng.uniform(-0.08, 0.08), int(rng.integers(25, 50))
    for at in range(-20, 320, step):
        cv2.line(sheet, (0, at), (239, at + round(slope * 240)), (140,), 1)
        cv2.line(sheet, (at, 0), (at - round(slope * 300), 299), (150,), 1)
    ink = cv2.resize(mnist_digit(index)[0], (140, 140), interpolation=cv2.INTER_CUBIC) / 255
    sheet[70:210, 50:190] = sheet[70:210, 50:190] * (1 - ink) + 40 * ink
    return np.asarray(np.clip(sheet + rng.normal(0, 2, sheet.shape), 0, 255), np.uint8)


def photographed(tool: str, paper: str) -> PictureKind:
    photo = Photo(tool, paper)

    def picture(index: int, rng: Generator) -> Pixels:
        return np.asarray(Pillow.open(io.BytesIO(photo.render(mnist_digit(index)[0], rng))), np.uint8)

    picture.__name__ = f"{tool}_on_{paper}_paper"
    return picture


def filling(index: int, rng: Generator) -> Pixels:
    """A thick drawing in two tones, more or less, that reaches the edges of its picture."""
    side = int(rng.integers(30, 300))
    ink = cv2.dilate(enlarged_digit(index, side), np.ones((side // 12, side // 12), np.uint8))
    tones = rng.permutation([rng.uniform(0, 100), rng.uniform(150, 255)])
    opacity = ink[side // 6 : -side // 6, side // 6 : -side // 6] / 255
    picture = opacity * tones[0] + (1 - opacity) * tones[1]
    return np.asarray(np.clip(picture + rng.normal(0, rng.uniform(0, 4), opacity.shape), 0, 255), np.uint8)


def coloured(index: int, rng: Generator) -> Pixels:
    """One ink on one paper, in any two colours."""
    ink = canvas(index, rng)[:, :, np.newaxis] / 255
    colours = rng.integers(0, 256, (2, 3))
    return np.asarray(ink * colours[0] + (1 - ink) * colours[1], np.uint8)


def transparent(index: int, rng: Generator) -> Pixels:
    """Ink of one tone on a transparent background."""
    ink = enlarged_digit(index, int(rng.integers(28, 300)))
    tone = np.full_like(ink, rng.integers(256))
    return np.dstack([tone, tone, tone, ink])


def white_sheet(index: int, rng: Generator) -> Pixels:
    side = int(rng.integers(90, 180))
    return np.asarray(np.pad(255 - enlarged_digit(index, side), side // 8, constant_values=255), np.uint8)


def framed(index: int, rng: Generator) -> Pixels:
    """In a printed box or a ring."""
    sheet = np.pad(white_sheet(index, rng), int(rng.integers(18, 28)), constant_values=255)
    side = len(sheet)
    if rng.random() < 0.5:
        return np.asarray(cv2.rectangle(sheet, (15, 15), (side - 16, side - 16), (60,), int(rng.integers(1, 4))))
    return np.asarray(cv2.circle(sheet, (side // 2, side // 2), side // 2 - 6, (60,), 2, cv2.LINE_AA))


def form_cell(index: int, rng: Generator) -> Pixels:
    """A cell of a form, cropped along its lines, which the digit may touch."""
    side = int(rng.integers(16, 200))
    cell = np.pad(255 - enlarged_digit(index, side), side // 4, constant_values=255)
    cropped = cell[side // 3 : -side // 3, side // 3 : -side // 3] if rng.random() < 0.5 else cell
    rimmed = np.pad(cropped, 1 + side // 40, constant_values=int(rng.integers(150)))
    return np.asarray(rimmed if rng.random() < 0.5 else 255 - rimmed, np.uint8)


def on_a_line(index: int, rng: Generator) -> Pixels:
    """On a line of a form, or between two lines."""
    sheet = np.pad(white_sheet(index, rng), 30, constant_values=255)
    side = len(sheet)
    for at in (12, side - 13) if rng.random() < 0.5 else (side - 13,):
        cv2.line(sheet, (8, at), (side - 9, at), (60,), int(rng.integers(1, 4)))
    return np.asarray(sheet if rng.random() < 0.5 else sheet.T, np.uint8)


def beside_a_neighbour(index: int, rng: Generator) -> Pixels:
    """With a part of another digit, cut off by the picture's edge."""
    neighbour, whole = (
        cv2.resize(white_sheet(number, rng), (200, 200), interpolation=cv2.INTER_AREA) for number in (index + 1, index)
    )
    return np.asarray(np.hstack([neighbour[:, int(rng.integers(100, 150)) :], whole]), np.uint8)


def on_a_table(index: int, rng: Generator) -> Pixels:
    """A slightly rotated card on a dark background."""
    card = white_sheet(index, rng)
    side = len(card)
    rotation = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-8, 8), 1)
    rotation[:, 2] += side // 4
    size = (side + side // 2,) * 2
    picture = cv2.warpAffine(card, rotation, size, borderValue=(70,)) + rng.normal(0, 2, size)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def on_a_desk(index: int, rng: Generator) -> Pixels:
    """The same on a darker surface that is nowhere of one grey level."""
    picture = on_a_table(index, rng).astype(np.float32)
    grain = cv2.resize(rng.normal(0, 18, (len(picture) // 4, 4)), picture.shape[::-1]).astype(np.float32)
    light = np.linspace(1, rng.uniform(0.7, 0.9), len(picture), dtype=np.float32)
    return np.asarray(np.clip((picture + grain * (picture < 110)) * light, 0, 255), np.uint8)


def on_a_label(index: int, rng: Generator) -> Pixels:
    """On a disc or a polygon, or on such a label in the middle of another, as on a billiard ball."""
    side = int(rng.integers(120, 400))
    table, ball, label, ink = (float(tone) for tone in rng.permutation([20, 90, 160, 240]))
    picture = np.full((side, side), table)
    turns = np.linspace(0, 2 * np.pi, int(rng.choice([5, 6, 8, 200])), endpoint=False) + rng.uniform(0, 1)
    radius = side * float(rng.uniform(0.36, 0.46))
    if rng.random() < 0.3:
        fill_polygon(picture, turns, radius, ball)
        radius *= 0.55
    fill_polygon(picture, turns, radius, label)
    height = round(radius * float(rng.uniform(0.75, 1.1)))
    digit = cv2.resize(mnist_digit(index)[0][4:24, 4:24], (height, height), interpolation=cv2.INTER_CUBIC) / 255
    top = (side - height) // 2
    part = picture[top : top + height, top : top + height]
    part[:] = part * (1 - digit) + ink * digit
    return np.asarray(np.clip(picture + rng.normal(0, rng.uniform(0, 3), picture.shape), 0, 255), np.uint8)


def fill_polygon(picture: NDArray[np.float64], turns: NDArray[np.float64], radius: float, tone: float) -> None:
    """Around the picture's middle, with corners at these turns in radians."""
    corners = len(picture) / 2 + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    cv2.fillConvexPoly(picture, np.rint(corners).astype(np.int32), (tone,))


def beside_punched_holes(index: int, rng: Generator) -> Pixels:
    """On a leaf with holes along one edge, a spiral's among them, on white paper or on ruled paper."""
    sheet = np.full((int(rng.integers(260, 480)), int(rng.integers(260, 480))), 235, np.uint8)
    if rng.random() < 0.4:
        sheet[int(rng.integers(30)) :: int(rng.integers(30, 50))] = 190
    radius, count = int(rng.integers(5, 12)), int(rng.choice([2, 3, 4, 9]))
    for along in np.linspace(3 * radius, len(sheet) - 3 * radius, count).astype(int).tolist():
        cv2.circle(sheet, (2 * radius + 3, along), radius, (60,), cv2.FILLED if rng.random() < 0.8 else 2, cv2.LINE_AA)
        if count > 4:
            cv2.line(sheet, (2 * radius + 3, along), (0, along + 2), (150,), 3, cv2.LINE_AA)
    side = int(rng.integers(60, 180))
    ink = enlarged_digit(index, side) / 255
    top, left = (len(sheet) - side) // 2, (sheet.shape[1] - side) // 2
    part = sheet[top : top + side, left : left + side]
    part[:] = part * (1 - ink) + 40 * ink
    sheet = np.clip(sheet + rng.normal(0, 2, sheet.shape), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(sheet if rng.random() < 0.5 else sheet.T)


def on_bands(index: int, rng: Generator) -> Pixels:
    """On a background in two or three bands, across whose borders the digit is inverted or not; sharp or soft."""
    side = int(rng.integers(28, 300))
    ink = np.pad(enlarged_digit(index, side), side // 4) / 255
    bands = np.zeros(len(ink))
    bands[: round(len(ink) * rng.uniform(0.15, 0.45))] = 1
    bands[round(len(ink) * rng.uniform(0.55, 0.85)) if rng.random() < 0.5 else len(ink) :] = 1
    if rng.random() < 0.5:
        bands = np.asarray(cv2.blur(bands, (1, 3)), np.float64).ravel()
    tones = rng.uniform(0, 90), rng.uniform(165, 255)
    background = tones[0] + (tones[1] - tones[0]) * bands
    strokes = tones[0] + tones[1] - background if rng.random() < 0.5 else np.full_like(background, 128)
    picture = np.asarray(np.clip(background * (1 - ink) + strokes * ink, 0, 255), np.uint8)
    return picture if rng.random() < 0.5 else np.ascontiguousarray(picture.T)


def tight_crop(index: int, rng: Generator) -> Pixels:
    """Cropped to its ink and enlarged: its soft edges fill the picture."""
    digit = mnist_digit(index)[0]
    left, top, width, height = cv2.boundingRect(digit)
    scale = rng.uniform(2, 16)
    crop = cv2.resize(
        digit[top : top + height, left : left + width], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(crop if rng.random() < 0.5 else 255 - crop, np.uint8)


def edge_to_edge(_: int, rng: Generator) -> Pixels:
    """A seven that fills its canvas, drawn with a thin pen."""
    side, pen = int(rng.integers(200, 600)), int(rng.integers(2, 9))
    level = float(rng.uniform(0, 0.12))
    corners = np.array([(0, level), (1, level + rng.uniform(-0.02, 0.02)), (0.4, 0.95)]) * side
    canvas = np.full((side, side), 255, np.uint8)
    return np.asarray(cv2.polylines(canvas, [corners.astype(np.int32)], False, (0,), pen, cv2.LINE_AA), np.uint8)


def highlighted(index: int, rng: Generator) -> Pixels:
    """Dark ink on the mark of a highlighter, on white paper."""
    side = int(rng.integers(60, 240))
    ink = np.pad(enlarged_digit(index, side), side // 3)[:, :, np.newaxis] / 255
    page = np.full((*ink.shape[:2], 3), 255.0)
    page[side // 4 : -side // 4, side // 4 if rng.random() < 0.5 else 0 : -side // 4] = rng.permutation(
        [255, int(rng.integers(256)), 0]
    )
    return np.asarray(page * (1 - ink) + rng.uniform(0, 80, 3) * ink, np.uint8)


def ringed_by_hand(index: int, rng: Generator) -> Pixels:
    """In a ring that does not quite close."""
    page = np.pad(white_sheet(index, rng), 30, constant_values=255)
    middle, radius = len(page) // 2, len(page) // 2 - 8
    start = float(rng.uniform(0, 360))
    axes, end = (radius, int(radius * rng.uniform(0.88, 1))), start + float(rng.uniform(325, 355))
    return np.asarray(
        cv2.ellipse(page, (middle, middle), axes, 0, start, end, (40,), int(rng.integers(2, 5)), cv2.LINE_AA)
    )


def slashed_zero(_: int, rng: Generator) -> Pixels:
    picture = write(write_by_hand(TEMPLATES[0]["slashed"], rng), rng)
    return np.asarray(Pillow.open(io.BytesIO(picture)), np.uint8)


def enclosed(render: RenderDigit, name: str) -> PictureKind:
    def picture(index: int, rng: Generator) -> Pixels:
        return np.asarray(Pillow.open(io.BytesIO(render(mnist_digit(index)[0], rng))), np.uint8)

    picture.__name__ = name
    return picture


PICTURE_KINDS: list[PictureKind] = [
    plain,
    negative,
    canvas,
    *(scene(make) for make, _ in scenes.SCENES),
    large_photo,
    squared_paper,
    photographed("pencil", "squared"),
    filling,
    coloured,
    transparent,
    framed,
    form_cell,
    on_a_line,
    beside_a_neighbour,
    on_a_table,
    on_a_desk,
    on_a_label,
    beside_punched_holes,
    on_bands,
    tight_crop,
    edge_to_edge,
    highlighted,
    ringed_by_hand,
    slashed_zero,
    enclosed(around(ring, TOUCHING), "ring_touching"),
    enclosed(around(ring, CROSSED, other_pen=True), "ring_crossed"),
    enclosed(around(box, CROSSED), "box_crossed"),
]
