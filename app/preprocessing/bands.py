"""A background in two or three bands from edge to edge: half light and half dark, or with a dark bar on either side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Ink
from app.preprocessing.background import MIN_CONTRAST
from app.preprocessing.components import find_outlines
from app.preprocessing.constants import integer, number
from app.preprocessing.frames import is_broad, is_convex

Levels = NDArray[np.int16]  # grey levels, and their differences

MIN_BANDED_SIDE = integer("MIN_BANDED_SIDE")
BAND_EVENNESS = integer("BAND_EVENNESS")
BAND_CONTRAST = integer("BAND_CONTRAST")
MIN_BAND = number("MIN_BAND")
MAX_BANDS = integer("MAX_BANDS")
CROSSED_EDGE = number("CROSSED_EDGE")
BAND_BORDER = number("BAND_BORDER")
BAND_WRITING = number("BAND_WRITING")
BORDER_SHARE = number("BORDER_SHARE")
MIN_BACKGROUND = integer("MIN_BACKGROUND")


def ink_on_bands(picture: Grayscale) -> Ink | None:
    """What differs from the background of its band, darker or lighter; None if there are no bands."""
    if min(picture.shape) < MIN_BANDED_SIDE:
        return None
    ink = ink_on_upright_bands(picture)
    if ink is None:
        across = ink_on_upright_bands(picture.T)
        ink = None if across is None else np.ascontiguousarray(across.T)
    return ink


def ink_on_upright_bands(picture: Grayscale) -> Ink | None:
    """The same of bands from the top to the bottom. Both edges show them; ink may reach either."""
    left, right = picture[:, 0], picture[:, -1]
    if max(np.ptp(left), np.ptp(right)) > BAND_EVENNESS:
        return None
    background = background_of_columns(picture[0].astype(np.int16), picture[-1].astype(np.int16))
    if background is None:
        return None
    boundaries = band_boundaries(background)
    if boundaries is None:
        return None
    picture = np.ascontiguousarray(picture)  # only now: most pictures have no bands
    ink = contrast(picture, background)
    return ink if are_borders(picture, boundaries) and holds_writing(ink, boundaries) else None


def contrast(picture: Grayscale, background: Levels) -> Ink:
    """Of all that darker ink can absorb on the background, or lighter ink can add to it: the same in every band."""
    difference = picture - background
    most = np.where(difference < 0, background, 255 - background).clip(MIN_BACKGROUND)
    return np.asarray(np.minimum(np.abs(difference.astype(np.int32)) * 255 // most, 255), np.uint8)


def background_of_columns(top: Levels, bottom: Levels) -> Levels | None:
    """(width,): where the two edges are alike, their mean; elsewhere, where ink reaches one, as on the left of it."""
    alike = np.abs(top - bottom) <= BAND_EVENNESS
    if not alike[0] or np.count_nonzero(~alike) > CROSSED_EDGE * len(alike):
        return None
    last_alike = np.maximum.accumulate(np.where(alike, np.arange(len(alike)), 0))
    return np.asarray(((top + bottom) // 2)[last_alike], np.int16)


def band_boundaries(background: Levels) -> NDArray[np.intp] | None:
    """The first column of each band but the first; None if these are no bands."""
    darkest, lightest = int(background.min()), int(background.max())
    if lightest - darkest < BAND_CONTRAST:
        return None
    is_light = background > (darkest + lightest) // 2
    boundaries = np.flatnonzero(np.diff(is_light)) + 1
    widths = np.diff(boundaries, prepend=0, append=len(background))
    if len(widths) > MAX_BANDS or widths.min() < MIN_BAND * len(background):
        return None
    is_even = away_from(boundaries, len(background))
    tones = background[is_even & ~is_light], background[is_even & is_light]
    return boundaries if all(len(tone) and np.ptp(tone) <= BAND_EVENNESS for tone in tones) else None


def away_from(boundaries: NDArray[np.intp], width: int) -> NDArray[np.bool_]:
    """(width,): the columns without the soft edges of the bands."""
    is_away = np.ones(width, np.bool_)
    for boundary in boundaries:
        is_away[boundary - soft_edge(width) : boundary + soft_edge(width)] = False
    return is_away


def soft_edge(width: int) -> int:
    """The columns on each side of a boundary that may be between the tones of its bands."""
    return 1 + round(BAND_BORDER * width)


def are_borders(picture: Grayscale, boundaries: NDArray[np.intp]) -> bool:
    """Whether the bands differ nearly all along each boundary. Between the strokes of a digit they do not."""
    reach = soft_edge(picture.shape[1])
    before, after = picture[:, boundaries - reach].astype(np.int16), picture[:, boundaries + reach - 1]
    shares = (np.abs(before - after) >= BAND_CONTRAST / 2).mean(axis=0)
    return bool(shares.min() >= BORDER_SHARE)


def holds_writing(ink: Ink, boundaries: NDArray[np.intp]) -> bool:
    """Whether there is writing on the bands, on the inner one of three.

    If not, they are strokes: that of a 1 from edge to edge has rough edges at most, and a thick digit convex holes.
    """
    is_ink = (ink > MIN_CONTRAST) & away_from(boundaries, ink.shape[1])
    if len(boundaries) > 1:
        is_ink[:, : boundaries[0]] = is_ink[:, boundaries[1] :] = False
    _, _, *sides = cv2.boundingRect(is_ink.view(np.uint8))
    return max(sides) >= BAND_WRITING * len(ink) and not is_hole(is_ink, boundaries)


def is_hole(is_ink: NDArray[np.bool_], boundaries: NDArray[np.intp]) -> bool:
    """Whether the longest piece is apart from the boundaries, convex, broad and empty."""
    outlines, hierarchy = find_outlines(is_ink.view(np.uint8), cv2.RETR_TREE)
    if not outlines:
        return False
    longest = max(range(len(outlines)), key=lambda i: len(outlines[i]))
    outline, (_, _, child, _) = outlines[longest], hierarchy[longest]
    left, _, width, _ = cv2.boundingRect(outline)
    reach = soft_edge(is_ink.shape[1])
    is_apart = all(left > boundary + reach or left + width < boundary - reach for boundary in boundaries.tolist())
    return is_apart and child < 0 and is_broad(outline) and is_convex(outline)
