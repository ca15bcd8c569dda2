"""How a phone photographs a sheet: its colours, the desk below it, the light."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.evaluation.sheets.layouts import Drawn, FloatImage

RGB = NDArray[np.uint8]  # (H, W, 3)

WHITE = (246, 244, 238)
PENS = ((40, 60, 150), (25, 25, 30), (20, 30, 90), (150, 30, 40))
DESKS = ((92, 70, 52), (28, 26, 28), (145, 145, 145), (60, 75, 90), (180, 150, 110))


def coloured(drawn: Drawn, rng: Generator) -> RGB:
    """Written with a pen."""
    colour = np.array(PENS[int(rng.integers(len(PENS)))], np.float32)
    return covered(drawn, colour, drawn.ink.astype(np.float32) / 255)


def pencilled(drawn: Drawn, rng: Generator) -> RGB:
    colour = np.full(3, float(rng.uniform(95, 140)), np.float32)
    return covered(drawn, colour, drawn.ink.astype(np.float32) / 255 * (1 - 0.5 * grain(drawn.ink.shape, rng)))


def covered(drawn: Drawn, colour: NDArray[np.float32], coverage: NDArray[np.floating]) -> RGB:
    """`coverage`: the share of the paper that ink covers."""
    paper = drawn.paper[..., np.newaxis] * np.array(WHITE, np.float32)
    return np.asarray(paper + (colour - paper) * coverage[..., np.newaxis], np.uint8)


def evenly(picture: RGB, _: Generator) -> RGB:
    return picture


def on_desk(tilt: float, perspective: float) -> Callable[[RGB, Generator], RGB]:
    """`tilt`: the largest, in degrees; `perspective`: by how much of its side a corner moves at most."""

    def photograph(picture: RGB, rng: Generator) -> RGB:
        height, width = picture.shape[:2]
        sheet = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        angle, scale = math.radians(float(rng.uniform(-tilt, tilt))), float(rng.uniform(0.72, 0.88))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = np.array([width / 2, height / 2])
        corners = (sheet - middle) @ turn.T * scale + middle + rng.uniform(-1, 1, (4, 2)) * perspective * width
        matrix = cv2.getPerspectiveTransform(sheet, np.clip(corners, 6, [width - 6, height - 6]).astype(np.float32))
        desk = np.array(DESKS[int(rng.integers(len(DESKS)))], np.float32)
        grain = cv2.GaussianBlur(rng.normal(0, 12, (height // 8, width // 60, 1)).astype(np.float32), (0, 0), 1.5)
        wood = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., np.newaxis]
        surface = np.clip(desk + wood, 0, 255).astype(np.uint8)
        warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_AREA)
        mask = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, (width, height))[..., np.newaxis]
        return np.asarray(surface * (1 - mask) + warped * mask, np.uint8)

    return photograph


def tilted(picture: RGB, rng: Generator) -> RGB:
    """Nothing but paper, and the camera not quite level."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-5, 5)), 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def in_perspective(share: float) -> Callable[[RGB, Generator], RGB]:
    """Nothing but paper, which is bowed. `share`: by how much of its side a corner moves at most."""

    def photograph(picture: RGB, rng: Generator) -> RGB:
        height, width = picture.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        moved = (corners + rng.uniform(-share, share, (4, 2)) * width).astype(np.float32)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        x, y = transformed(cv2.getPerspectiveTransform(corners, moved), x, y)
        bow = float(rng.uniform(-0.008, 0.008)) * height
        y += bow * np.sin(math.pi * x / width)
        flags = cv2.INTER_LINEAR
        return np.asarray(cv2.remap(picture, x, y, flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    return photograph


def transformed(matrix: cv2.typing.MatLike, x: FloatImage, y: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Places after a homography."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.astype(np.float32)
    depth = g * x + h * y + i
    return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth


def stained(picture: RGB, rng: Generator) -> RGB:
    """Rings of coffee and blots, which let through some light and what is written."""
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        middle = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
        radius = int(rng.uniform(0.05, 0.2) * width)
        angle = float(rng.uniform(0, 360))
        stain = np.zeros((height, width), np.uint8)
        axes = (radius, int(radius * rng.uniform(0.8, 1)))
        if rng.random() < 0.5:
            cv2.ellipse(stain, middle, axes, angle, 0, float(rng.uniform(200, 360)), (255,), int(rng.uniform(6, 20)))
        else:
            cv2.ellipse(stain, middle, axes, angle, 0, 360, (255,), -1)
        soft = cv2.GaussianBlur(stain, (0, 0), float(rng.uniform(2, 6))).astype(np.float32) / 255
        cover = np.maximum(cover, soft * float(rng.uniform(0.15, 0.5)))
    brown = np.array((120, 80, 45), np.float32) / 255
    return np.asarray(picture * (1 - cover[..., np.newaxis] * (1 - brown)), np.uint8)


def cut_off(picture: RGB, rng: Generator) -> RGB:
    """The paper's edge is on the photograph on one side or two; beyond it is the desk."""
    height, width = picture.shape[:2]
    desk = np.array(DESKS[int(rng.integers(len(DESKS)))], np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    beyond = np.zeros((height, width), np.bool_)
    for _ in range(int(rng.integers(1, 3))):
        slope, depth = float(rng.normal(0, 0.02)), float(rng.uniform(0.01, 0.06))
        edges = (x < depth * width + slope * y, x > (1 - depth) * width + slope * (y - height / 2),
                 y < depth * height + slope * x, y > (1 - depth) * height + slope * (x - width / 2))  # fmt: skip
        beyond |= edges[int(rng.integers(4))]
    return np.asarray(np.where(beyond[..., np.newaxis], desk + rng.normal(0, 6, (height, width, 1)), picture), np.uint8)


def close_up(picture: RGB, rng: Generator) -> RGB:
    """So near that the sheet's edges are not on it, and in slight perspective."""
    height, width = picture.shape[:2]
    sheet = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn, middle = math.radians(float(rng.uniform(-4, 4))), np.array([width / 2, height / 2])
    leaning = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = (sheet - middle) @ leaning.T * float(rng.uniform(0.98, 1.05)) + middle
    corners += rng.uniform(-0.012, 0.012, (4, 2)) * width
    matrix = cv2.getPerspectiveTransform(sheet, corners.astype(np.float32))
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def turned(quarters: int) -> Callable[[RGB, Generator], RGB]:
    return lambda picture, _: np.ascontiguousarray(np.rot90(picture, quarters))


def grain(size: tuple[int, ...], rng: Generator) -> FloatImage:
    """The share of a pencil's lead that misses the paper's valleys."""
    rough = cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), 0.8)
    return np.asarray(np.clip(rough * rng.uniform(0.4, 1.4), 0, 0.9), np.float32)


def lamp_light(height: int, width: int, rng: Generator) -> FloatImage:
    """Brighter on one side; on two sheets of five with the edge of a shadow across it."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    side, fall = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0, 0.3))
    light = 1 - fall * (1 + math.cos(side) * x + math.sin(side) * y) / 2
    if rng.random() < 0.4:
        across, place, softness = float(rng.uniform(0, 2 * math.pi)), rng.uniform(-0.7, 0.7), rng.uniform(0.02, 0.4)
        distance = (math.cos(across) * x + math.sin(across) * y - place) / softness
        light *= 1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-np.clip(distance * 4, -30, 30)))
    return np.asarray(light, np.float32)


def lit(picture: RGB, rng: Generator) -> bytes:
    """As a JPEG, with a lamp on one side or a shadow, and a camera's noise."""
    height, width = picture.shape[:2]
    lamp = cv2.resize(lamp_light(height // 8, width // 8, rng), (width, height))[..., np.newaxis]
    noise = rng.normal(0, float(rng.uniform(1, 3)), (height, width, 1)).astype(np.float32)
    photo = np.clip(picture * lamp + noise, 0, 255).astype(np.uint8)
    photo = cv2.GaussianBlur(photo, (0, 0), float(rng.uniform(0.5, 1.1)))
    return cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 95))])[1].tobytes()
