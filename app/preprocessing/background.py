"""The background of a picture: how bright it is behind the ink, and whether it is lighter or darker than the ink."""

from __future__ import annotations

import math
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.constants import integer, number
from app.preprocessing.scaling import halved, shrink

T = TypeVar("T", bound=np.generic)
Histogram = NDArray[np.intp]  # (256,): how many of the counted pixels have each grey level

MIN_CONTRAST = integer("MIN_CONTRAST")
EVENLY_LIT_SIDE = integer("EVENLY_LIT_SIDE")
HISTOGRAM_PIXELS = integer("HISTOGRAM_PIXELS")
UNIFORM_TOLERANCE = integer("UNIFORM_TOLERANCE")
TOLERANCE_BY_CONTRAST = number("TOLERANCE_BY_CONTRAST")
UNIFORM_SHARE = number("UNIFORM_SHARE")
TWO_TONE_SHARE = number("TWO_TONE_SHARE")
POSSIBLE_SHADOW = number("POSSIBLE_SHADOW")
CERTAIN_SHADOW = number("CERTAIN_SHADOW")
SOFT_EDGE = np.ones((integer("SOFT_EDGE_KERNEL"),) * 2, np.uint8)
SOFT_EDGE_WIDTH = number("SOFT_EDGE_WIDTH")
BRIGHTEST_QUANTILE = number("BRIGHTEST_QUANTILE")
FLAT_BACKGROUND = number("FLAT_BACKGROUND")
FLAT_INK = number("FLAT_INK")
BACKGROUND_SIDE = integer("BACKGROUND_SIDE")
BACKGROUND_WINDOW = number("BACKGROUND_WINDOW")
MAX_STROKE = number("MAX_STROKE")
POLARITY_STROKE = number("POLARITY_STROKE")
MIN_STROKE_KERNEL = integer("MIN_STROKE_KERNEL")
LIGHT_INK_RATIO = number("LIGHT_INK_RATIO")


def border(picture: NDArray[T]) -> NDArray[T]:
    """The pixels along the four edges, as one row."""
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def upper_median(values: NDArray[np.uint8]) -> int:
    """The greater of the middle two, where there are two. NumPy's `median` takes five times as long."""
    return int(np.partition(values, len(values) // 2)[len(values) // 2])


# --- a uniform background --------------------------------------------------------------------------------------------


def uniform_background(picture: Grayscale) -> int | None:
    """The grey level of the background where ink reaches the picture's edge; None if it is not uniform.

    Of two tones, the background is the one with more of the picture and of its border. A wide area of the other tone
    is a shadow, unless it is a single shape and all there is.
    """
    foreground, ink_tone, background_tone = split_tones(picture)
    if not ink_tone.any():
        return None
    background, ink = histogram_median(background_tone), histogram_median(ink_tone)
    if max(picture.shape) > EVENLY_LIT_SIDE:
        tolerance = max(UNIFORM_TOLERANCE, TOLERANCE_BY_CONTRAST * abs(background - ink))
        is_even = is_uniform(background_tone, tolerance, UNIFORM_SHARE) and not has_shadow(
            picture, foreground, tolerance
        )
        on_light = picture if background > ink else np.asarray(cv2.bitwise_not(picture), np.uint8)
        if not is_even and not has_soft_edges(on_light, foreground, tolerance):
            return None
    return round(background)


def split_tones(picture: Grayscale) -> tuple[Mask, Histogram, Histogram]:
    """The mask of the tone that covers less of the picture and its border, the tone's histogram, and the other's.

    The tones are split at the threshold of Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    level, _ = cv2.threshold(sampled_rows(picture), 0, 255, cv2.THRESH_OTSU)
    bright = np.asarray(cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1], np.uint8)
    counts = histogram(picture)
    dark_counts = np.where(np.arange(256) <= level, counts, 0)
    if mask_mean(bright) + mask_mean(border(bright)) <= 255:
        return bright, counts - dark_counts, dark_counts
    return np.asarray(cv2.bitwise_not(bright), np.uint8), dark_counts, counts - dark_counts


def mask_mean(mask: Mask) -> float:
    return 255 * cv2.countNonZero(mask) / mask.size


def sampled_rows(picture: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Enough rows to count the grey levels."""
    return picture[::2] if picture.size > HISTOGRAM_PIXELS else picture


def histogram(picture: Grayscale, mask: cv2.typing.MatLike | None = None) -> Histogram:
    mask = None if mask is None else sampled_rows(mask)
    return cv2.calcHist([sampled_rows(picture)], [0], mask, [256], [0, 256]).ravel().astype(np.intp)


def histogram_median(counts: Histogram) -> float:
    """The median grey level of the counted pixels, of which there is at least one."""
    cumulative = counts.cumsum()
    middle = [(cumulative[-1] - 1) // 2, cumulative[-1] // 2]
    return float(np.searchsorted(cumulative, middle, side="right").mean())


def other_tone(picture: Grayscale, background: int) -> Mask:
    """What differs from the background by more than half as much as anything; nothing where all are alike."""
    contrast = np.asarray(cv2.absdiff(picture, np.full_like(picture, background)), np.uint8)
    most = int(contrast.max())
    level = 255 if most < MIN_CONTRAST else most // 2
    return np.asarray(cv2.threshold(contrast, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def is_uniform(counts: Histogram, tolerance: float, share: float) -> bool:
    """Whether this share of the pixels is within `tolerance` grey levels of their median."""
    near = counts[np.abs(np.arange(256) - histogram_median(counts)) < tolerance]
    return int(near.sum()) >= share * int(counts.sum())


def has_shadow(picture: Grayscale, foreground: Mask, tolerance: float) -> bool:
    """Whether the ink's tone is wider than strokes are, and is not a thick drawing that fills its picture."""
    if not is_wider(foreground, POSSIBLE_SHADOW):
        return False
    return is_wider(foreground, CERTAIN_SHADOW) or not is_two_tone_shape(picture, foreground, tolerance)


def is_wider(foreground: Mask, share: float) -> bool:
    """Whether it is somewhere wider than this share of the picture's longer side.

    What the picture's edge cuts is taken to go on outside.
    """
    while max(foreground.shape) > BACKGROUND_SIDE and min(foreground.shape) > 1:
        foreground = halved(foreground)
    side = int(share * max(foreground.shape))
    return int(cv2.erode(foreground, np.ones((side, side), np.uint8)).max()) == 255


def is_two_tone_shape(picture: Grayscale, foreground: Mask, tolerance: float) -> bool:
    """Whether the picture is one connected component in one tone on another tone, soft edges aside."""
    if cv2.connectedComponents(foreground)[0] != 2:
        return False
    tones = (histogram(picture, cv2.erode(mask, SOFT_EDGE)) for mask in (foreground, cv2.bitwise_not(foreground)))
    return all(is_uniform(tone, tolerance / 2, TWO_TONE_SHARE) for tone in tones if tone.any())


def has_soft_edges(picture: Grayscale, foreground: Mask, tolerance: float) -> bool:
    """Whether a picture with a light background has two tones, and edges as soft as those of an enlarged picture.

    Such edges make the background darker and the ink lighter, but only near each other.
    """
    if is_wider(foreground, CERTAIN_SHADOW):
        return False
    background = np.asarray(cv2.bitwise_not(foreground), np.uint8)
    if not is_flat_inside(picture, background, tolerance, FLAT_BACKGROUND):
        return False
    darkness = np.asarray(cv2.bitwise_not(picture), np.uint8)
    return not is_wider(foreground, POSSIBLE_SHADOW) or is_flat_inside(darkness, foreground, tolerance, FLAT_INK)


def is_flat_inside(picture: Grayscale, mask: Mask, tolerance: float, share: float) -> bool:
    """Whether this share of the pixels within a mask, its soft edges aside, is nearly as bright as its brightest."""
    counts = histogram(picture, mask).cumsum()
    brightest = int(np.searchsorted(counts, BRIGHTEST_QUANTILE * counts[-1]))
    reach = round(SOFT_EDGE_WIDTH * max(picture.shape))
    inside = histogram(picture, cv2.erode(mask, np.ones((2 * reach + 1,) * 2, np.uint8)))
    darker = inside[: max(0, math.ceil(brightest - tolerance))]
    return int(darker.sum()) <= (1 - share) * int(inside.sum())


# --- an uneven background --------------------------------------------------------------------------------------------


def estimate_background(picture: Grayscale) -> Grayscale:
    """The brightness of the background behind dark ink, estimated on a small copy.

    The darker of two estimates, since each is too bright somewhere: the local median is, beside the edge of a shadow;
    and a closing that fills all strokes is, where the light falls off towards the border.
    """
    height, width = picture.shape
    small = np.ascontiguousarray(shrink(picture, BACKGROUND_SIDE))
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, stroke_kernel(small, MAX_STROKE))
    background = cv2.blur(cv2.min(local_median(small), closed), (3, 3))
    return np.asarray(cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def is_light_on_dark(picture: Grayscale) -> bool:
    """Whether narrow strokes that are lighter than their local median outweigh the darker ones."""
    small = np.ascontiguousarray(shrink(picture, BACKGROUND_SIDE))
    median, stroke = local_median(small), stroke_kernel(small, POLARITY_STROKE)
    dark = cv2.min(cv2.subtract(median, small), cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, stroke))
    light = cv2.min(cv2.subtract(small, median), cv2.morphologyEx(small, cv2.MORPH_TOPHAT, stroke))
    return energy(light) > LIGHT_INK_RATIO * energy(dark)


def energy(strokes: cv2.typing.MatLike) -> float:
    return cv2.norm(strokes, cv2.NORM_L2SQR)


def local_median(picture: Grayscale) -> Grayscale:
    """The median of a wide window around each pixel: the background, where less than half of the window is ink."""
    window = min(255, max(3, int(BACKGROUND_WINDOW * max(picture.shape)))) | 1
    return np.asarray(cv2.medianBlur(picture, window), np.uint8)


def stroke_kernel(picture: Grayscale, width: float) -> NDArray[np.uint8]:
    """A square that is wider than strokes of this share of the picture's longer side."""
    side = max(MIN_STROKE_KERNEL, round(width * max(picture.shape))) | 1
    return np.ones((side, side), np.uint8)
