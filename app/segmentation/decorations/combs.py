"""Open combs: a line to write on with uprights, its teeth, between the digits or at its two ends alone.

Strokes of digits that stand on an underline look like teeth. Teeth have one height and one distance, in which there is
room for a digit, and are not as high as what is written between them; or they are more even than anything written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]

LINE_COVERS = 0.85  # of the comb's width: its line
BEYOND = 0.2  # of the ink beside the line: that of digits that cross it. A line through a number has more
LEAST_HEIGHT = 1.5  # thicknesses of the line: a tooth
THICKEST = 1.5  # thicknesses of the line, and `SOFT` pixels: a tooth is no thicker,
SOFT = 3  # and the first and the last one are so near its ends
MOST_CELLS = 40
OFF_PLACE = 0.12  # of the teeth's distance: in perspective they are not quite evenly spaced
OFF_HEIGHT = 0.2  # of the teeth's height: no more of them differ from it
PRESENT = 0.6  # of the teeth between the ends: digits may hide the others
MANY_CELLS = 4  # with fewer a digit may stand where a tooth would,
FEW_OFF_PLACE = 0.06  # unless the teeth are more evenly spaced
HIGHER, MUCH_HIGHER = 1.2, 1.5  # times the teeth's height: what is written between many, between a few
LOWER = 1 / 1.2  # of the teeth's height: what is written between those that are higher
ROOM = 0.7  # heights of what is written, or of the teeth: the least distance between teeth
LEAST_WRITING = 0.4  # of the teeth's height: lower ink is dust or their soft edges
APART = 0.5  # of the teeth's height: the line of writing above is further from what is written between them
EVEN = 0.02  # of the teeth's height and of their distance: ones written by hand are hardly ever so even
ROUNDING = 1.0  # pixels


class Side(NamedTuple):
    """What is on one side of a comb's line, in rows away from it: masks of one shape (n, W)."""

    form: Bits  # the ink that is connected to the line
    page: Bits  # all ink
    thickness: int  # of the line, in pixels

    @property
    def thickest(self) -> float:
        return THICKEST * self.thickness + SOFT

    @property
    def reach(self) -> NDArray[np.intp]:
        """How far ink goes on from the line in each column."""
        beyond = np.ones((1, self.form.shape[1]), np.bool_)
        return np.asarray(np.concatenate([~self.form, beyond]).argmax(axis=0), np.intp)


class Uprights(NamedTuple):
    """Narrow ink on the line, from the left to the right: (n,) each."""

    middles: NDArray[np.float64]  # columns
    heights: NDArray[np.float64]


class Teeth(NamedTuple):
    places: NDArray[np.float64]  # columns, those of the comb's two ends included
    height: float  # of those between the ends, or of the ends if there are no others
    end_height: float  # of the lower end; 0 if the line goes on beyond the teeth
    off_place: float  # the most that one is off the middle of its neighbours, as a share of their distance
    off_height: float  # the most that one differs, as a share

    @property
    def cells(self) -> int:
        return len(self.places) - 1

    @property
    def distance(self) -> float:
        return float(self.places[-1] - self.places[0]) / self.cells


def find_comb(form: Bits, page: Bits) -> tuple[Bits, Bits] | None:
    """The line and the teeth of a comb that stands straight, on its line or hanging from it; None if it is no comb.

    `form`: a component as wide as the mask; `page`: all ink of the page in the same place.
    """
    line = np.flatnonzero(form.mean(axis=1) >= LINE_COVERS)
    if not len(line) or line[-1] - line[0] >= len(line):
        return None
    top, bottom = int(line[0]), int(line[-1]) + 1
    level, upright = np.zeros_like(form), np.zeros_like(form)
    level[top:bottom] = True
    above, below = np.count_nonzero(form[: max(0, top - SOFT)]), np.count_nonzero(form[bottom + SOFT :])
    if min(above, below) > BEYOND * max(above, below):
        return None
    hangs = below > above
    form, page, outwards = (rows[bottom:] if hangs else rows[:top][::-1] for rows in (form, page, upright))
    side = Side(form, page, bottom - top)
    teeth = next((teeth for teeth in possible_teeth(side) if are_teeth(teeth, writing_height(side, teeth))), None)
    if teeth is None:
        return None
    outwards[:] = mask_of_teeth(side, teeth)
    return level, upright


def possible_teeth(side: Side) -> Iterator[Teeth]:
    """Those that divide the line evenly, the most first; at last its two ends alone."""
    uprights, width = uprights_on(side), side.form.shape[1]
    if not len(uprights.middles):
        return
    first, last = uprights.middles[[0, -1]].tolist()
    if first > side.thickest or last < width - 1 - side.thickest:
        yield from evenly_spaced(uprights, (0, width - 1), 0)
    elif first < last:
        end_height = float(min(uprights.heights[[0, -1]]))
        yield from evenly_spaced(uprights, (first, last), end_height)
        yield Teeth(np.array([first, last]), end_height, end_height, 0, 0)


def uprights_on(side: Side) -> Uprights:
    """Those that stand free; the first and the last one may touch a digit."""
    reach, least = side.reach, round(LEAST_HEIGHT * side.thickness)
    is_high = np.concatenate([[False], reach >= least, [False]])
    lefts, rights = np.flatnonzero(np.diff(is_high.astype(np.int8))).reshape(-1, 2).T
    heights = np.array([reach[left:right].max() for left, right in zip(lefts, rights, strict=True)], np.float64)
    is_upright = rights - lefts <= side.thickest
    for place in range(1, len(lefts) - 1):
        rows = slice(least, int(heights[place]) + SOFT)
        own, around = (
            side.form[rows, lefts[place] : rights[place]],
            side.form[rows, max(0, lefts[place] - SOFT) : rights[place] + SOFT],
        )
        is_upright[place] &= np.count_nonzero(around) - np.count_nonzero(own) <= 2 * (heights[place] - least)
    return Uprights((lefts + rights - 1)[is_upright] / 2, heights[is_upright])


def evenly_spaced(uprights: Uprights, ends: tuple[float, float], end_height: float) -> Iterator[Teeth]:
    """Uprights of one height that divide the room between two columns into cells of one width; most cells first.

    `end_height`: of the uprights at its ends, 0 where there are none.
    """
    for cells in range(min(MOST_CELLS, 1 + round(len(uprights.middles) / PRESENT)), 1, -1):
        places = np.linspace(*ends, cells + 1)
        apart = np.abs(uprights.middles - places[1:-1, np.newaxis])
        nearest = apart.argmin(axis=1)
        heights = uprights.heights[nearest]
        height = float(np.median(heights))
        is_there = apart.min(axis=1) <= OFF_PLACE * (places[1] - places[0])
        is_there &= np.abs(heights - height) <= OFF_HEIGHT * height
        if is_there.mean() >= (PRESENT if end_height else 1):
            middles = np.array([ends[0], *uprights.middles[nearest], ends[1]])
            compared = np.append(heights, end_height) if cells == 2 else heights
            off_place = share_off(np.diff(middles, 2) / 2, places[1] - places[0])
            found = np.array([True, *is_there, True])
            seen = np.interp(places, places[found], middles[found])
            yield Teeth(seen, height, end_height, off_place, share_off(compared - height, height))


def share_off(pixels: NDArray[np.float64], of: float) -> float:
    """The greatest of these differences as a share, apart from what comes of rounding."""
    return max(0.0, float(np.abs(pixels).max()) - ROUNDING) / of


def writing_height(side: Side, teeth: Teeth) -> float:
    """How far above the line ink goes on between the teeth; 0 if there is no more than dust and soft edges."""
    inked = np.count_nonzero(side.page[:, ~is_at(side, teeth.places)], axis=1)
    rows = np.flatnonzero(inked)
    ends = np.flatnonzero(np.diff(rows) > APART * teeth.height)
    rows = rows[: ends[0] + 1] if len(ends) else rows
    is_between = len(rows) > 0 and rows[0] < teeth.height and rows[-1] >= LEAST_WRITING * teeth.height
    return float(rows[-1] + 1) if is_between and inked[rows].sum() >= side.thickness**2 else 0.0


def are_teeth(teeth: Teeth, writing: float) -> bool:
    """Whether they are no strokes of digits. `writing`: how high is what is written, in pixels."""
    has_ends, is_even = teeth.end_height > 0, teeth.off_place <= EVEN
    if teeth.distance < ROOM * max(writing, teeth.height) or not (has_ends or is_even):
        return False
    is_alike = has_ends and is_even and teeth.off_height <= EVEN
    if not writing:
        return is_alike
    is_lower = has_ends and teeth.end_height < HIGHER * teeth.height and writing <= LOWER * teeth.height
    if teeth.cells == 1:
        return is_lower
    if teeth.cells < MANY_CELLS:
        is_higher = has_ends and teeth.off_place <= FEW_OFF_PLACE and writing >= MUCH_HIGHER * teeth.height
    else:
        is_higher = writing >= HIGHER * teeth.height
    return is_higher or is_lower or is_alike


def mask_of_teeth(side: Side, teeth: Teeth) -> Bits:
    highest = np.where(is_at(side, teeth.places[[0, -1]]), len(side.form), (1 + OFF_HEIGHT) * teeth.height)
    is_tooth = is_at(side, teeth.places) & (side.reach >= (1 - OFF_HEIGHT) * teeth.height)
    heights = np.where(is_tooth, np.minimum(side.reach, highest), 0)
    return np.asarray(np.arange(len(side.form))[:, np.newaxis] < heights, np.bool_)


def is_at(side: Side, places: NDArray[np.float64]) -> Bits:
    """(W,): whether each column is one that a tooth at one of these places is in."""
    columns = np.arange(side.form.shape[1])
    return np.asarray(np.abs(columns[:, np.newaxis] - places).min(axis=1) <= side.thickest / 2, np.bool_)
