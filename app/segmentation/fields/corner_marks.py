"""The four corner marks of a form: solid squares, discs or crosses, found by their shape and by how they lie."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.components import label_components
from app.segmentation.fields.placement import Points

NEIGHBOURHOOD = 0.16  # of the longer side: whose mean a mark is darker than,
DARKER = 25  # by so many levels
SMALLEST, LARGEST = 0.006, 0.07  # of the longer side of the picture: a mark
LONGEST = 1.35  # times as long as wide: a mark in perspective
SYMMETRY = 0.7  # of a mark and itself turned by a quarter: what both cover, of what either covers
PATCH_SIDE = 24  # pixels: to which marks are scaled, to be compared
MOST_CANDIDATES = 24
MOST_UNLIKE = 2.6  # times the area of the smallest of the four: perspective makes near ones larger
SMALLEST_FORM = 0.06  # of the picture: the area between the marks
MOST_SKEWED = 0.42  # the cosine of a corner between them
MOST_UNEQUAL = 1.6  # times as long as the opposite side
MOST_SETS = 4

Sets = NDArray[np.float64]  # (n, 4, 2): x and y of four marks each, clockwise


def find_mark_sets(picture: Grayscale) -> list[Points]:
    """Sets of four marks, clockwise from the upper left one of the picture, the likeliest first."""
    middles, areas = find_marks(picture)
    if len(middles) < 4:
        return []
    chosen = np.array(list(itertools.combinations(range(len(middles)), 4)))
    areas = areas[chosen]
    alike = areas.max(axis=1) <= MOST_UNLIKE * areas.min(axis=1)
    sets, alikeness = clockwise(middles[chosen[alike]]), areas[alike].min(axis=1) / areas[alike].max(axis=1)
    spans = area_between(sets)
    possible = are_sheets(sets) & (spans >= SMALLEST_FORM * picture.size)
    order = np.argsort(-(spans * alikeness)[possible], kind="stable")[:MOST_SETS]
    return list(sets[possible][order])


def find_marks(picture: Grayscale) -> tuple[Points, NDArray[np.float64]]:
    """The middles and the areas, in pixels, of what may be a mark: the largest ones."""
    longer = max(picture.shape)
    window = 2 * round(NEIGHBOURHOOD * longer / 2) + 1
    smooth = cv2.GaussianBlur(picture, (3, 3), 0)
    method, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV
    ink = np.asarray(cv2.adaptiveThreshold(smooth, 255, method, binary, window, DARKER), np.uint8)
    _, labels, stats, centroids = label_components(ink)
    sides = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1]
    shorter, longest = sides.min(axis=1), sides.max(axis=1)
    compact = (shorter >= SMALLEST * longer) & (longest <= LARGEST * longer) & (longest <= LONGEST * shorter)
    compact[0] = False
    found = np.flatnonzero(compact)
    found = found[np.argsort(-stats[found, cv2.CC_STAT_AREA], kind="stable")][: 4 * MOST_CANDIDATES]
    marks = [label for label in found.tolist() if is_mark(component(labels, stats[label], label))][:MOST_CANDIDATES]
    return np.asarray(centroids[marks], np.float64), stats[marks, cv2.CC_STAT_AREA].astype(np.float64)


def component(labels: cv2.typing.MatLike, stats: cv2.typing.MatLike, label: int) -> Mask:
    left, top, width, height, _ = stats.tolist()
    return np.where(labels[top : top + height, left : left + width] == label, np.uint8(255), np.uint8(0))


def is_mark(component: Mask) -> bool:
    """Whether it has ink in its middle, and is the same once it is turned by a quarter: no letter but x is."""
    patch = cv2.resize(component, (PATCH_SIDE, PATCH_SIDE), interpolation=cv2.INTER_AREA) > 127
    turned = np.rot90(patch)
    middle = slice(PATCH_SIDE // 2 - 2, PATCH_SIDE // 2 + 2)
    return bool(patch[middle, middle].mean() > 0.5 and (patch & turned).sum() >= SYMMETRY * (patch | turned).sum())


def clockwise(sets: Sets) -> Sets:
    """Each set from its upper left mark."""
    around = sets - sets.mean(axis=1, keepdims=True)
    order = np.argsort(np.arctan2(around[..., 1], around[..., 0]), axis=1)
    sets = np.take_along_axis(sets, order[..., np.newaxis], axis=1)
    first = sets.sum(axis=2).argmin(axis=1)
    places = (first[:, np.newaxis] + np.arange(4)) % 4
    return np.take_along_axis(sets, places[..., np.newaxis], axis=1)


def sides_of(sets: Sets) -> Sets:
    return np.roll(sets, -1, axis=1) - sets


def area_between(sets: Sets) -> NDArray[np.float64]:
    following = np.roll(sets, -1, axis=1)
    return np.asarray((sets[..., 0] * following[..., 1] - sets[..., 1] * following[..., 0]).sum(axis=1) / 2)


def are_sheets(sets: Sets) -> NDArray[np.bool_]:
    """Whether the corners of a sheet may lie so: nearly a rectangle."""
    sides = sides_of(sets)
    lengths = np.linalg.norm(sides, axis=2).clip(1e-9)
    cosines = (sides * np.roll(sides, -1, axis=1)).sum(axis=2) / (lengths * np.roll(lengths, -1, axis=1))
    ratios = lengths / np.roll(lengths, 2, axis=1)
    return np.asarray((np.abs(cosines).max(axis=1) <= MOST_SKEWED) & (ratios.max(axis=1) <= MOST_UNEQUAL), np.bool_)
