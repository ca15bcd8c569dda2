"""The digits on a display consist of segments or dots with gaps between them, which are joined to strokes.

Glowing segments and dots touch each other, so they are looked for by the distance of the ink from its edge: a segment
has a core that is far enough from it, a dot a peak. Nearly all ink of a display is of one kind, as no writing is: bars
whose ends meet, or dots in one pitch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Homography, Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, binarize, label_components, stroke_width
from app.segmentation.decorations.erasure import Distances

Points = NDArray[np.float64]  # (n, 2): x and y

MARGIN = 8  # pixels: left around the foreground
NEARBY = 3.0  # widths of strokes
DARK = 130  # of 255, the brightest ink nearby: fainter ink is glow, or not lit
STEEPNESS = 3.0
LEAST_LIT = 2 * FOREGROUND_LEVEL  # what is fainter counts as this bright: noise must not become ink
WIDE = 0.9  # of the ink's distances from its edge: nearly half of a stroke's width
ALIKE = 0.68  # of the dots, or of the bars by area: of writing hardly more than half are alike
MOST_PARTS = 1500  # a display with more is not looked at

LEAST_DOTS = 12
DOT_LEVEL = 180.0  # of 255: the distance from the edge in the middle of a dot, from where it is blurred
DOT_BLUR = 0.4  # half widths: the standard deviation
DOT_SIZE = 1.2  # half widths: two dots are further apart, and each ends nearer than that
SMALLEST = 50.0  # of 255: a dot's peak
SADDLE = 0.95  # of a dot's peak: it is lower everywhere around
SPREAD_OF_PITCHES = 1.25  # times the median, or the median by it: to a neighbour, along rows and along columns
BLOCK = 2.0  # pitches: two dots in a row are no longer

CORE_DEPTHS = (0.5, 0.7)  # half widths: what is deeper is a core, the more of it the more the parts touch
THICKEST, SHORTEST = 2.5, 2.2  # half widths: no bar is wider, none shorter
MOST_SLANT = 0.25  # columns for each row up: of bars
LEAST_BARS = 4
LEVEL_SHARE = 0.15  # of the bars: ones below each other have none
FACING = 0.3  # of the ends, at least, face the end of another segment of the same digit
NEAR = 4.5  # half widths: they are no further apart, as handwritten ones are from the next
WIDEST_GAP = 2.1  # of these ends' distance: two segments in a row are 1.4 times as far apart as two at a corner,
WIDEST_BEVEL = 2.8  # half widths: and bevelled ones so far, however near they are at a corner
BELOW, STEEP = 2.5, 0.5  # lengths of bars, and columns for each row: where the lower one of two upright bars lies
ROUND = 1.3  # times as long as wide, at most
POINT = 1.4  # half widths: the radius of points and colons, which are easily taken for dust where bars are narrow
AHEAD = 0.34  # the cosine of the greatest angle between a bar and the way from its end to the next one's


class Display(NamedTuple):
    """The ink of a page with the segments or dots of its digits joined, and the digits upright."""

    ink: Ink
    to_page: Homography  # from the place of its pixels


def join_segments(page: Ink) -> Display | None:
    """None if the page shows no display."""
    left, top, width, height = cv2.boundingRect(binarize(page))
    left, top = max(0, left - MARGIN), max(0, top - MARGIN)
    display = join_segments_of(page[top : top + height + 2 * MARGIN, left : left + width + 2 * MARGIN])
    return display and display._replace(to_page=np.array([[1, 0, left], [0, 1, top], [0, 0, 1]]) @ display.to_page)


def join_segments_of(page: Ink) -> Display | None:
    """Of a page without its margins."""
    ink = evened(page)
    mask = binarize(ink)
    distances = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32)
    inside = distances[mask > 0]
    half_width = float(np.quantile(inside, WIDE)) if len(inside) else 0.0
    outlines = [find_cores(distances, depth * half_width) for depth in CORE_DEPTHS]
    if share_of_narrow(outlines[-1], THICKEST * half_width) < ALIKE or len(outlines[0]) > MOST_PARTS:
        return None
    cores = max((Cores.of(some, half_width) for some in outlines), key=Cores.share_of_bars)
    if cores.share_of_bars() >= ALIKE:
        joints = joined_bars(cores, ink.shape)
        return None if joints is None else upright(np.maximum(ink, joints), cores.slant)
    dots = find_dots(distances, half_width)
    return None if dots is None else Display(with_joined_dots(ink, dots), np.eye(3))


def evened(page: Ink) -> Ink:
    """Everywhere as bright, without the glow and segments that are not lit."""
    side = 1 + 2 * round(NEARBY * stroke_width(page) / 2)
    brightest = np.maximum(cv2.dilate(page, np.ones((side, side), np.uint8)), LEAST_LIT)
    share = cv2.divide(page, brightest, scale=255)
    return np.asarray(cv2.convertScaleAbs(cv2.subtract(share, np.full_like(share, DARK)), alpha=STEEPNESS), np.uint8)


def upright(ink: Ink, slant: float) -> Display:
    """`slant`: columns to the right for each row up, of which the ink is sheared free."""
    height, width = ink.shape
    offset = max(0.0, -slant * height)
    size = (width + math.ceil(abs(slant) * height), height)
    sheared = cv2.warpAffine(ink, np.array([[1, slant, offset], [0, 1, 0]]), size)
    return Display(np.asarray(sheared, np.uint8), np.array([[1, -slant, -offset], [0, 1, 0], [0, 0, 1]]))


def find_cores(distances: Distances, depth: float) -> Sequence[cv2.typing.MatLike]:
    """The outlines of what is deeper in the ink."""
    mask = np.asarray(cv2.threshold(distances, depth, 255, cv2.THRESH_BINARY)[1], np.uint8)
    return cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def share_of_narrow(outlines: Sequence[cv2.typing.MatLike], thickest: float) -> float:
    """Of the area within outlines: that of bars and dots, which few digits resemble. 0 if they are too many."""
    if not 0 < len(outlines) <= MOST_PARTS:
        return 0.0
    sides = np.sort([cv2.boundingRect(outline)[2:] for outline in outlines], axis=1)
    areas = areas_of(outlines)
    return float(areas[sides[:, 0] <= thickest + MOST_SLANT * sides[:, 1]].sum() / areas.sum())


def areas_of(outlines: Sequence[cv2.typing.MatLike]) -> NDArray[np.float64]:
    """In pixels, those of the outline among them."""
    return np.array([cv2.contourArea(outline) + len(outline) / 2 + 1 for outline in outlines])


# --- dots ------------------------------------------------------------------------------------------------------------


def find_dots(distances: Distances, half_width: float) -> Points | None:
    """The middles of the dots; None unless nearly all ink is dots in one pitch.

    `distances`: of the ink from its edge; `half_width`: the greatest of them, outliers aside.
    """
    heights = cv2.convertScaleAbs(distances, alpha=DOT_LEVEL / half_width)
    blurred = np.asarray(cv2.GaussianBlur(heights, (0, 0), DOT_BLUR * half_width), np.uint8)
    middles = peaks(blurred, half_width)
    if not LEAST_DOTS <= len(middles) <= MOST_PARTS:
        return None
    is_round = levels_around(blurred, middles, DOT_SIZE * half_width) <= SADDLE * levels_at(blurred, middles)
    if is_round.mean() < ALIKE:
        return None
    pitches = np.maximum(*separations(middles)).min(axis=1)
    pitch = float(np.median(pitches))
    is_dot = is_round & (pitches * SPREAD_OF_PITCHES >= pitch) & (pitches <= SPREAD_OF_PITCHES * pitch)
    return middles if is_dot.mean() >= ALIKE else None


def peaks(blurred: Ink, half_width: float) -> Points:
    """The places that are the brightest within a dot's size."""
    side = 1 + 2 * max(1, round(DOT_SIZE * half_width))
    around = cv2.dilate(blurred, np.ones((side, side), np.uint8))
    high = cv2.threshold(blurred, SMALLEST, 255, cv2.THRESH_BINARY)[1]
    highest = cv2.bitwise_and(cv2.compare(blurred, around, cv2.CMP_EQ), high)
    return label_components(np.asarray(highest, np.uint8))[3][1:]


def levels_around(ink: Ink, points: Points, radius: float) -> NDArray[np.float64]:
    """(n,): of the places at this distance from each point, the level of the brightest."""
    angles = np.arange(0, 2 * np.pi, np.pi / 4)
    ring = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(np.max([levels_at(ink, points + way) for way in ring], axis=0), np.float64)


def levels_at(ink: NDArray[np.integer], points: Points) -> NDArray[np.float64]:
    x, y = np.round(points).astype(np.intp).T
    height, width = ink.shape
    return np.asarray(ink[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], np.float64)


def separations(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, n) each: columns and rows from each point to each other, infinite to itself."""
    across, down = (np.abs(values - values[:, np.newaxis]) for values in points.T)
    np.fill_diagonal(across, np.inf)
    return across, down


def with_joined_dots(ink: Ink, dots: Points) -> Ink:
    """Lines between neighbouring dots: along rows and columns, and diagonally where no other dot is between them."""
    across, down = separations(dots)
    pitch = float(np.median(np.maximum(across, down).min(axis=1)))
    beside = np.hypot(across, down) <= SPREAD_OF_PITCHES * pitch
    steps = beside.astype(np.float32)
    around_a_corner = steps @ steps > 0
    joined = beside | ((np.maximum(across, down) <= SPREAD_OF_PITCHES * pitch) & ~around_a_corner)
    lines = np.zeros_like(ink)
    places = np.round(dots).astype(int).tolist()
    for one, other in np.argwhere(np.triu(joined)).tolist():
        cv2.line(lines, places[one], places[other], (255,), max(1, round(pitch / 2)))
    return with_small_points(np.maximum(ink, lines), lines, dots, pitch)


def with_small_points(ink: Ink, lines: Mask, dots: Points, pitch: float) -> Ink:
    """The points and colons of displays are blocks of four dots, apart from all others: each becomes one."""
    _, labels, stats, middles = label_components(lines)
    ink = ink.copy()
    for label in np.flatnonzero(np.bincount(levels_at(np.asarray(labels), dots).astype(np.intp)) == 4).tolist():
        x, y, width, height, _ = stats[label].tolist()
        if max(width, height) < BLOCK * pitch:
            room = round(pitch / 2)
            ink[max(0, y - room) : y + height + room, max(0, x - room) : x + width + room] = 0
            cv2.circle(ink, np.round(middles[label]).astype(int).tolist(), room, (255,), cv2.FILLED)
    return ink


# --- segments --------------------------------------------------------------------------------------------------------


class Cores(NamedTuple):
    """The innermost parts of the ink."""

    areas: NDArray[np.float64]  # (n,)
    middles: Points
    halves: Points  # from the middle of the smallest rectangle around each to the middle of a short side
    sides: NDArray[np.float64]  # (n, 2): of that rectangle, the shorter one first
    half_width: float  # of the strokes

    @classmethod
    def of(cls, outlines: Sequence[cv2.typing.MatLike], half_width: float) -> Self:
        middles, halves, sides = (np.array(values) for values in zip(*map(principal_axis, outlines), strict=True))
        return cls(areas_of(outlines), middles, halves, sides, half_width)

    @property
    def is_bar(self) -> NDArray[np.bool_]:
        """Whether each is a bar, rather than a dot, a digit, or a row of single pixels."""
        width, length = self.sides.T
        return np.asarray((width > 1) & (width <= THICKEST * self.half_width) & (length >= SHORTEST * self.half_width))

    @property
    def is_point(self) -> NDArray[np.bool_]:
        """Whether each is round and as small as a segment is wide."""
        width, length = self.sides.T
        return np.asarray(~self.is_bar & (length <= ROUND * width) & (length <= THICKEST * self.half_width))

    @property
    def is_level(self) -> NDArray[np.bool_]:
        return np.asarray(np.abs(self.halves[:, 0]) > np.abs(self.halves[:, 1]))

    @property
    def slant(self) -> float:
        """Columns to the right for each row up, between two upright bars of a digit; of the bars if none has two."""
        is_upright = self.is_bar & ~self.is_level
        x, y = self.middles[is_upright].T
        across, down = x[:, np.newaxis] - x, y - y[:, np.newaxis]  # from each to each
        longest = BELOW * float(np.median(self.sides[is_upright, 1])) if len(x) else 0.0
        is_below = (down > 0) & (down <= longest) & (np.abs(across) <= STEEP * down)
        if is_below.any():
            return float(np.median(across[is_below] / down[is_below]))
        x, y = self.halves[is_upright].T
        return float(np.median(-x / y)) if len(y) else 0.0

    def share_of_bars(self) -> float:
        """Of the cores, by area; 0 if the bars are few, or hardly any is level."""
        is_bar = self.is_bar
        if np.count_nonzero(is_bar) < LEAST_BARS or self.is_level[is_bar].mean() < LEVEL_SHARE:
            return 0.0
        return float(self.areas[is_bar].sum() / self.areas.sum())


def principal_axis(outline: cv2.typing.MatLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The middle of an outline, half of its length along its longest axis, and its width and length.

    The smallest rectangle around a short bar with pointed ends lies askew, its principal axis does not.
    """
    points = outline[:, 0].astype(np.float64)
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(points - middle, rowvar=False, bias=True))  # the shorter one first
    along = (points - middle) @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    middle = middle + axes @ (low + high) / 2
    return middle, axes[:, 1] * (high[1] - low[1]) / 2, high - low + 1


def joined_bars(cores: Cores, shape: tuple[int, ...]) -> Mask | None:
    """Lines between the ends of neighbouring bars, as wide as they in a row, narrower around a corner.

    None if they are too far apart to be segments of one digit.
    """
    is_bar = cores.is_bar
    middles, halves = cores.middles[is_bar], cores.halves[is_bar]
    outwards = halves / np.linalg.norm(halves, axis=1, keepdims=True)
    outwards = np.concatenate([outwards, -outwards])
    ends = np.concatenate([middles + halves, middles - halves])
    gaps = facing_gaps(ends, outwards)
    corner_gap = float(np.quantile(gaps.min(axis=1), FACING, method="lower"))
    if corner_gap > NEAR * cores.half_width:
        return None
    widest = max(WIDEST_GAP * corner_gap, WIDEST_BEVEL * cores.half_width)
    lines = np.zeros(shape, np.uint8)
    for place in np.round(cores.middles[cores.is_point]).astype(int).tolist():
        cv2.circle(lines, place, round(POINT * cores.half_width), (255,), cv2.FILLED)
    places = np.round(ends).astype(int).tolist()
    for one, other in np.argwhere(np.triu(gaps <= widest)).tolist():
        straightness = float((ends[other] - ends[one]) @ outwards[one]) / max(1.0, gaps[one, other])  # less at a corner
        cv2.line(lines, places[one], places[other], (255,), max(1, round(2 * straightness * cores.half_width)))
    return lines


def facing_gaps(ends: Points, outwards: Points) -> NDArray[np.float32]:
    """(n, n): distances of ends that each lie ahead of the other's bar, the others infinite.

    `outwards`: the bars' directions there, of length 1.
    """
    x, y = ends.T.astype(np.float32)
    across, down = x - x[:, np.newaxis], y - y[:, np.newaxis]  # from the first to the second
    lengths = np.hypot(across, down)
    ahead = across * outwards[:, :1] + down * outwards[:, 1:] >= AHEAD * lengths
    np.fill_diagonal(ahead, val=False)
    return np.asarray(np.where(ahead & ahead.T, lengths, np.inf), np.float32)
