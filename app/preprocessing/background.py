"""What of a picture is paper, and whether what is written on it is lighter or darker."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.decode import reduced

T = TypeVar("T", bound=np.generic)
Histogram = NDArray[np.intp]  # (256,): how many of the pixels that are counted have each brightness

TINY = 20  # longer side: so few pixels have one light
MANY = 2**16  # pixels: of more, every other row tells the tones
NEARLY, MOSTLY = 10, 0.85  # even paper: this share of it within this many grey values, or per cent of the contrast
NEARLY_ALL = 0.998  # of a tone: what is left is specks
AREA, SHADOW = 0.25, 0.5  # of the longer side: a tone so wide may be no stroke; so wide it is none
SOFT_EDGE = np.ones((5, 5), np.uint8)
PAPER_SIDE = 192  # the paper's brightness is found on a copy of this size, and shadows on one no larger
PAPER_WINDOW = 0.5  # of its longer side: in it less than half must be ink
WIDEST_STROKE, NARROW_STROKE = 0.2, 0.1  # of its longer side: the widest there are, and what tells ink's polarity
LIGHT_INK = 2  # light ink on dark paper must stand out by more: paper is mostly light


def border(picture: NDArray[T]) -> NDArray[T]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def even_paper(picture: Grayscale) -> int | None:
    """The paper's brightness where ink reaches the edge of even paper; None if the paper is uneven.

    Two tones, the greater and outer of which is paper. An area of the other is a shadow, unless it is all there is.
    """
    inked, ink, sheet = inner_tone(picture)
    if not ink.any():
        return None
    paper = median(sheet)
    if max(picture.shape) > TINY:
        tolerance = max(NEARLY, NEARLY / 100 * abs(paper - median(ink)))
        if not is_even(sheet, tolerance, MOSTLY) or has_shadow(picture, inked, tolerance):
            return None
    return round(paper)


def inner_tone(picture: Grayscale) -> tuple[Mask, Histogram, Histogram]:
    """Where the tone is of which the picture, and its border, has less; its pixels, and those of the other."""
    level, _ = cv2.threshold(telling(picture), 0, 255, cv2.THRESH_OTSU)
    bright = np.asarray(cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1], np.uint8)
    counts = histogram(picture)
    dark = np.where(np.arange(256) <= level, counts, 0)
    if mean(bright) + mean(border(bright)) <= 255:
        return bright, counts - dark, dark
    return np.asarray(cv2.bitwise_not(bright), np.uint8), dark, counts - dark


def mean(mask: Mask) -> float:
    return 255 * cv2.countNonZero(mask) / mask.size


def telling(picture: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """As much of a picture as tells its tones. Counting took half of the time of a drawing that reaches the edge."""
    return picture[::2] if picture.size > MANY else picture


def histogram(picture: Grayscale, where: cv2.typing.MatLike | None = None) -> Histogram:
    where = None if where is None else telling(where)
    return cv2.calcHist([telling(picture)], [0], where, [256], [0, 256]).ravel().astype(np.intp)


def median(tone: Histogram) -> float:
    """Of the pixels counted, of which there must be some."""
    up_to = tone.cumsum()
    middle = [(up_to[-1] - 1) // 2, up_to[-1] // 2]
    return float(np.searchsorted(up_to, middle, side="right").mean())


def is_even(tone: Histogram, tolerance: float, share: float) -> bool:
    """Whether this share of the pixels is within so many grey values of their median."""
    near = tone[np.abs(np.arange(256) - median(tone)) < tolerance]
    return int(near.sum()) >= share * int(tone.sum())


def has_shadow(picture: Grayscale, inked: Mask, tolerance: float) -> bool:
    """Whether the ink's tone is wider than strokes are, and is not a thick drawing that fills its picture."""
    if not is_wider(inked, AREA):
        return False
    return is_wider(inked, SHADOW) or not is_alone(picture, inked, tolerance)


def is_wider(inked: Mask, share: float) -> bool:
    """Than this share of the picture's longer side, somewhere. What the border cuts is taken to go on outside."""
    while max(inked.shape) > PAPER_SIDE and min(inked.shape) > 1:
        inked = halved(inked)
    side = int(share * max(inked.shape))
    return int(cv2.erode(inked, np.ones((side, side), np.uint8)).max()) == 255


def halved(mask: Mask) -> Mask:
    """Of four pixels one, which is 255 where all of them are."""
    height, width = (side // 2 for side in mask.shape)
    whole = mask[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def is_alone(picture: Grayscale, inked: Mask, tolerance: float) -> bool:
    """Whether one part of one tone is all there is on paper of another, soft edges aside."""
    if cv2.connectedComponents(inked)[0] != 2:
        return False
    tones = (histogram(picture, cv2.erode(each, SOFT_EDGE)) for each in (inked, cv2.bitwise_not(inked)))
    return all(is_even(each, tolerance / 2, NEARLY_ALL) for each in tones if each.any())


def paper_of(picture: Grayscale) -> Grayscale:
    """The paper's brightness behind dark ink, found on a small copy.

    Two guesses, the darker of which is taken, since each is too bright somewhere: the median of what is around, beside
    a shadow's edge; and the picture with all filled that is as narrow as a stroke, where light falls off to the border.
    """
    height, width = picture.shape
    small = np.ascontiguousarray(reduced(picture, PAPER_SIDE))
    filled = cv2.morphologyEx(small, cv2.MORPH_CLOSE, stroke_kernel(small, WIDEST_STROKE))
    paper = cv2.blur(cv2.min(usual_around(small), filled), (3, 3))
    return np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def is_light_on_dark(picture: Grayscale) -> bool:
    """What stands out from its surroundings' median and is no wider than a stroke: more of it light than dark?"""
    small = np.ascontiguousarray(reduced(picture, PAPER_SIDE))
    usual, stroke = usual_around(small), stroke_kernel(small, NARROW_STROKE)
    dark = cv2.min(cv2.subtract(usual, small), cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, stroke))
    light = cv2.min(cv2.subtract(small, usual), cv2.morphologyEx(small, cv2.MORPH_TOPHAT, stroke))
    energy_of_dark, energy_of_light = (float(np.square(each, dtype=np.float32).sum()) for each in (dark, light))
    return energy_of_light > LIGHT_INK * energy_of_dark


def usual_around(picture: Grayscale) -> Grayscale:
    """The median of a wide window around each pixel: the paper, where less than half of it is ink."""
    window = min(255, max(3, int(PAPER_WINDOW * max(picture.shape)))) | 1
    return np.asarray(cv2.medianBlur(picture, window), np.uint8)


def stroke_kernel(picture: Grayscale, widest: float) -> NDArray[np.uint8]:
    side = max(15, round(widest * max(picture.shape))) | 1
    return np.ones((side, side), np.uint8)
