"""Photos of pen or pencil on paper: grain, ruling, perspective and light."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from training.synthesis.camera import FloatImage, as_float32

Size = tuple[int, ...]  # height and width, in pixels


def pencil_grain(size: Size, rng: Generator) -> FloatImage:
    """The share of the ink that misses the paper's valleys: 0 everywhere for a pen, up to 0.9 for a pencil."""
    if rng.random() < 0.6:
        return np.zeros(size, np.float32)
    grain = cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), 0.8)
    return as_float32(np.clip(grain * rng.uniform(0.2, 1.2), 0, 0.9))


def ruled_paper(size: Size, rng: Generator) -> FloatImage:
    """White paper: blank, ruled or squared."""
    paper = np.ones(size, np.float32)
    blank, squared = 0, 2
    kind = rng.choice(3, p=(0.4, 0.25, 0.35))
    spacing, brightness, thickness = int(rng.integers(9, 60)), rng.uniform(0.35, 0.92), int(rng.integers(1, 3))
    if kind != blank:
        for top in range(int(rng.integers(spacing)), size[0], spacing):
            paper[top : top + thickness] = brightness
    if kind == squared:
        for left in range(int(rng.integers(spacing)), size[1], spacing):
            paper[:, left : left + thickness] = brightness
    return paper


def tilt(paper: FloatImage, rng: Generator) -> FloatImage:
    """Seen by a camera that is turned by a few degrees and not quite parallel to the paper."""
    height, width = paper.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    angle = math.radians(rng.normal(0, 3))
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([width / 2, height / 2])
    tilted = (corners - centre) @ rotation.T * 1.06 + centre + rng.normal(0, 0.02, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, tilted.astype(np.float32))
    return as_float32(cv2.warpPerspective(paper, matrix, (width, height), borderMode=cv2.BORDER_REFLECT))


def light(size: Size, rng: Generator) -> FloatImage:
    """The illumination: brighter on one side, and two times in five with the edge of a shadow across it."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    angle, gradient = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.35)
    illumination = rng.uniform(0.5, 0.95) * (1 + gradient * (math.cos(angle) * x + math.sin(angle) * y))
    if rng.random() < 0.4:
        angle, offset, softness = rng.uniform(0, 2 * math.pi), rng.uniform(-0.7, 0.7), rng.uniform(0.01, 0.4)
        distance = (math.cos(angle) * x + math.sin(angle) * y - offset) / softness
        illumination = illumination * (1 - rng.uniform(0.15, 0.55) / (1 + np.exp(-np.clip(distance * 4, -30, 30))))
    return as_float32(illumination)
