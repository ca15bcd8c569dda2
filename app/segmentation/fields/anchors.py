"""The printed anchors of a form, found on a picture by normalized cross-correlation.

Each is looked for near where a placement expects it, a little larger and smaller, and turned a little. Where the ones
that are found lie together the same way, they give a better placement.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from app.arrays import Grayscale, Homography
from app.observability.request_context import check_deadline
from app.preprocessing.scaling import scaled_size
from app.segmentation.fields.placement import Placement, Points, flatten, transform
from app.segmentation.fields.template import MIN_ANCHORS, Anchor

SMALLEST_SIDE = 6  # pixels: of an anchor on the flat form
LEAST_CORRELATION = 0.6
CLEAR_CORRELATION = 0.8  # on average: the other turns need no try
LEAST_SPREAD = 0.2  # of anchors that tell how much a form is stretched in each direction
SAME_PLACE = 0.02  # of the flat form's longer side: anchors agree on the placement


class Search(NamedTuple):
    """How far and how finely anchors are looked for. `side`: pixels, the longer side of the flat form."""

    side: int
    reach: float  # of the longer side
    scales: Sequence[float]
    degrees: Sequence[float]


FAR = Search(400, 0.3, (0.62, 0.7, 0.78, 0.86, 0.94, 1.02, 1.1), (-8, -4, 0, 4, 8))
NEAR = Search(480, 0.12, (0.9, 0.95, 1, 1.05, 1.1), (-4, -2, 0, 2, 4))
NEAREST = Search(900, 0.025, (0.97, 1, 1.03), (-1, 0, 1))


class Match(NamedTuple):
    """An anchor that was found on the flat form."""

    expected: Points  # (4, 2): its corners, in pixels
    found: Points  # where they are
    correlation: float


class PlacedByAnchors(NamedTuple):
    placement: Placement
    correlation: float  # the sum of those of the anchors that were found


def place_by_anchors(picture: Grayscale, starts: Sequence[Placement], anchors: Sequence[Anchor]) -> Placement | None:
    """The placement in which the anchors lie on what is printed there; None if fewer than two are found.

    `starts`: the picture's turns.
    """
    best: PlacedByAnchors | None = None
    for start in starts:
        placed = move_to_anchors(picture, start, anchors)
        if placed and (best is None or placed.correlation > best.correlation):
            best = placed
        if best and best.correlation >= CLEAR_CORRELATION * len(anchors):
            break
    return best.placement if best else None


def move_to_anchors(picture: Grayscale, start: Placement, anchors: Sequence[Anchor]) -> PlacedByAnchors | None:
    placement, correlation = start, 0.0
    for search in (FAR if start.found_by == "picture" else NEAR, NEAREST, NEAREST):
        check_deadline()
        form = flatten(picture, placement, search.side).pixels
        matches = [match for anchor in anchors if (match := find_anchor(form, anchor, search))]
        agreeing = largest_agreement(matches, SAME_PLACE * max(form.shape))
        if len(agreeing) < MIN_ANCHORS:
            return None
        to_pixels = np.diag([form.shape[1], form.shape[0], 1.0])
        moved = np.linalg.inv(to_pixels) @ fit(agreeing) @ to_pixels
        placement = Placement(placement.to_picture @ moved, "anchors")
        correlation = sum(match.correlation for match in agreeing)
        if not placement.is_plausible(picture):
            return None
    return PlacedByAnchors(placement, correlation)


def find_anchor(form: Grayscale, anchor: Anchor, search: Search) -> Match | None:
    height, width = form.shape
    box = np.array([anchor.x * width, anchor.y * height, anchor.width * width, anchor.height * height])
    corners = box[:2] + box[2:] * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    reach = search.reach * max(form.shape)
    best: Match | None = None
    for scale, degrees in itertools.product(search.scales, search.degrees):
        matrix = cv2.getRotationMatrix2D((box[2] / 2, box[3] / 2), degrees, scale)
        turned = cv2.transform((box[2:] * [[[0, 0], [1, 0], [1, 1], [0, 1]]]), matrix)[0]
        low, high = turned.min(axis=0), turned.max(axis=0)
        if (high - low).min() < SMALLEST_SIDE:
            continue
        size = math.ceil(high[0] - low[0]), math.ceil(high[1] - low[1])
        to_patch = np.diag([box[2] / anchor.pixels.shape[1], box[3] / anchor.pixels.shape[0], 1.0])
        matrix[:, 2] -= low
        patch = warp(anchor.pixels, np.asarray(matrix @ to_patch, np.float64), size)
        left, top = np.floor((corners[0] + low - reach).clip(0)).astype(int).tolist()
        right, bottom = np.ceil(corners[0] + high + reach).astype(int).tolist()
        window = form[top:bottom, left:right]
        if window.shape[0] < size[1] or window.shape[1] < size[0] or patch.std() < 1:
            continue
        correlations = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        _, correlation, _, (x, y) = cv2.minMaxLoc(correlations)
        if correlation >= max(LEAST_CORRELATION, best.correlation if best else 0):
            best = Match(corners, turned - low + (left + x, top + y), correlation)
    return best


def warp(pixels: Grayscale, matrix: Homography, size: tuple[int, int]) -> Grayscale:
    """Without aliasing: the patch is reduced first where it is much larger than it becomes."""
    shrink = min(1.0, 1.5 * float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))))
    if shrink < 1:
        reduced = cv2.resize(pixels, scaled_size(pixels, shrink), interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([pixels.shape[1] / reduced.shape[1], pixels.shape[0] / reduced.shape[0], 1.0])
        pixels = np.asarray(reduced, np.uint8)
    warped = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def largest_agreement(matches: Sequence[Match], tolerance: float) -> list[Match]:
    """The most anchors that one similarity moves to where they were found."""
    best: list[Match] = []
    for pair in itertools.combinations(matches, 2):
        matrix = fit(pair)
        agreeing = [
            match for match in matches if np.abs(transform(matrix, match.expected) - match.found).mean() <= tolerance
        ]
        if len(agreeing) > len(best):
            best = agreeing
    return best


def fit(matches: Sequence[Match]) -> Homography:
    """By the anchors' middles: a similarity, or an affine map of three and more that are not in a row."""
    expected = np.array([match.expected.mean(axis=0) for match in matches])
    found = np.array([match.found.mean(axis=0) for match in matches])
    is_affine = len(matches) >= 3 and spread(expected) >= LEAST_SPREAD
    if is_affine:
        matrix, _ = cv2.estimateAffine2D(expected, found)
    else:
        matrix, _ = cv2.estimateAffinePartial2D(expected, found)
    return np.vstack([np.eye(2, 3) if matrix is None else matrix, [0, 0, 1]])


def spread(points: Points) -> float:
    """0 if they are in a row, 1 if they are spread alike in all directions."""
    shortest, longest = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[[1, 0]].tolist()
    return float(shortest / max(longest, 1e-9))
