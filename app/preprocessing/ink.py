"""The foreground of a picture becomes ink: 0 to 255, whatever the picture's colours and its light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Ink, Mask
from app.errors import BlankPicture
from app.observability.request_context import check_deadline
from app.preprocessing.background import (
    MIN_CONTRAST,
    SOFT_EDGE,
    border,
    estimate_background,
    is_light_on_dark,
    uniform_background,
    upper_median,
)
from app.preprocessing.bands import ink_on_bands
from app.preprocessing.clutter import erase
from app.preprocessing.components import (
    EDGE_CUT_SIDE,
    FOREGROUND_LEVEL,
    INSIDE_SHARE,
    binarize,
    foreground_box,
    label_components,
    stroke_width,
)
from app.preprocessing.constants import integer, number
from app.preprocessing.enclosures import remove_enclosure
from app.preprocessing.frames import find_card, find_card_by_tone, find_cell
from app.preprocessing.ruled_lines import remove_faint_lines, remove_ruled_lines

MAX_REGIONS = integer("MAX_REGIONS")
FULL_INK = integer("FULL_INK")
STRONG_INK = integer("STRONG_INK")
UNIFORM_BORDER = integer("UNIFORM_BORDER")
MIN_BACKGROUND = integer("MIN_BACKGROUND")
FULL_INK_QUANTILE = number("FULL_INK_QUANTILE")
NOISE_PER_MEDIAN = number("NOISE_PER_MEDIAN")
BLANK_NOISE = number("BLANK_NOISE")
MIN_INK = number("MIN_INK")
MIN_INK_NOISE = number("MIN_INK_NOISE")
MIN_INK_LIMIT = number("MIN_INK_LIMIT")
SATURATED_INK = number("SATURATED_INK")
SPECK_SHARE = number("SPECK_SHARE")
LITTLE_INK = 100  # pixels: of a single digit, 15 pixels high. Of pages alone, so that the browser need not know it
LEAST_DIGIT = 0.012  # of the page's height: what is lower is dust
LOWEST_CUT, LARGEST_CUT = 0.5, 1.5  # of the digits' height: what the edge of a page cuts, and may be a digit
DIGIT_SIDE = integer("DIGIT_SIDE")
THICKEN_BELOW = number("THICKEN_BELOW")
MIN_STROKE = number("MIN_STROKE")


def extract_ink(picture: Grayscale, max_regions: int = MAX_REGIONS, *, is_page: bool = False) -> Ink:
    """The foreground of a picture, or of the card or cell in it that was written on. Raises `BlankPicture`.

    `max_regions`: that may lie within each other.
    """
    check_deadline()
    region = find_cell(picture) if max_regions else None
    if region is None:
        ink, is_uniform = separate_foreground(picture, is_page=is_page)
        region = find_card(picture, binarize(ink)) if max_regions else None
        if region is None and max_regions and not is_uniform and not is_page:
            region = find_card_by_tone(picture)
        if region is None or is_enclosed(ink):
            return ink
    written = extract_ink(region.pixels, max_regions - 1, is_page=is_page)
    ink = np.zeros_like(picture)
    ink[region.top : region.top + len(written), region.left : region.left + written.shape[1]] = written
    return ink


def separate_foreground(picture: Grayscale, *, is_page: bool) -> tuple[Ink, bool]:
    """The foreground, separated from the background and from ruled lines, and whether the background is uniform.

    Raises `BlankPicture`.
    """
    edge = border(picture)
    background = upper_median(edge)
    if background - int(edge.min()) <= UNIFORM_BORDER and int(edge.max()) - background <= UNIFORM_BORDER:
        return ink_on_uniform_background(picture, background), True
    on_bands = None if is_page else ink_on_bands(picture)
    if on_bands is not None:
        return stretch_contrast(on_bands), True
    uniform = None if is_page else uniform_background(picture)
    if uniform is None:
        ink = ink_on_uneven_background(picture, is_page=is_page)
    else:
        ink = ink_on_uniform_background(picture, uniform)
    ink = remove_ruled_lines(ink)
    if uniform is None and not is_page:  # a page's enclosures are found before its faint lines break
        ink = remove_faint_lines(ink)
    if int(ink.max()) <= FOREGROUND_LEVEL:  # all of it was ruled lines
        raise blank_picture()
    return ink, uniform is not None


def ink_on_uniform_background(picture: Grayscale, background: int) -> Ink:
    """The difference to the background, darker or lighter, whichever is greater. Raises `BlankPicture`."""
    darkest, brightest, _, _ = cv2.minMaxLoc(picture)
    darker, lighter = background - darkest, brightest - background
    if max(darker, lighter) < MIN_CONTRAST:
        raise blank_picture()
    level = np.full_like(picture, background)  # OpenCV may take a number beside a picture of one column for a colour
    difference = cv2.subtract(level, picture) if darker > lighter else cv2.subtract(picture, level)
    return stretch_contrast(np.asarray(difference, np.uint8))


def ink_on_uneven_background(picture: Grayscale, *, is_page: bool) -> Ink:
    """The light that ink absorbs: of photos, of noisy pictures, of drawings that reach the edge.

    `is_page`: lines that are printed from edge to edge may cross what is written. Raises `BlankPicture`.
    """
    if is_light_on_dark(picture):
        picture = np.asarray(cv2.bitwise_not(picture), np.uint8)
    absorption = absorbed_light(picture, estimate_background(picture))
    full = int(np.quantile(absorption, FULL_INK_QUANTILE))
    noise = NOISE_PER_MEDIAN * float(np.median(absorption))
    least = max(MIN_CONTRAST, BLANK_NOISE * noise)
    if is_page and full < least:
        full = little_ink(absorption)
    if full < least:
        raise blank_picture(has_little_ink=not is_page and little_ink(absorption) >= least)
    weakest = min(max(MIN_INK * full, MIN_INK_NOISE * noise), MIN_INK_LIMIT * full)
    gain = 255 / max(1.0, SATURATED_INK * full - weakest)
    ink = np.clip((absorption.astype(np.float32) - weakest) * gain, 0, 255).astype(np.uint8)
    return stretch_contrast(remove_edge_components(ink, is_page=is_page))


def little_ink(absorption: Grayscale) -> int:
    """How dark the ink of a single small number is on a large page, of whose pixels it is less than a thousandth."""
    smooth = np.asarray(cv2.blur(absorption, (3, 3)), np.uint8)  # noise is not
    place = max(0, smooth.size - LITTLE_INK)
    return int(np.partition(smooth.ravel(), place)[place])


def absorbed_light(picture: Grayscale, background: Grayscale) -> Grayscale:
    """The share of the background's light, 255 for all of it: ink absorbs the same in shadow and in light."""
    difference = cv2.subtract(background, picture)
    return np.asarray(cv2.divide(difference, np.maximum(background, MIN_BACKGROUND), scale=255), np.uint8)


def blank_picture(*, has_little_ink: bool = False) -> BlankPicture:
    if has_little_ink:
        return BlankPicture("The picture has hardly any ink on it: crop it to its digit, or send it to /read.")
    return BlankPicture("The picture has no ink on it: send one with a digit drawn on it.")


def stretch_contrast(ink: Ink) -> Ink:
    """The darkest ink becomes full ink, unless it nearly is. Raises `BlankPicture` if there is none."""
    _, peak, _, _ = cv2.minMaxLoc(ink)
    if not peak:
        raise blank_picture()
    return ink if peak >= FULL_INK else np.asarray(cv2.convertScaleAbs(ink, alpha=255 / peak), np.uint8)


# --- what is no part of the digit ------------------------------------------------------------------------------------


def without_printed_lines(ink: Ink) -> Ink:
    return remove_faint_lines(remove_ruled_lines(ink))


def remove_edge_components(ink: Ink, *, is_page: bool) -> Ink:
    """Without what the picture's edge cuts, a dark corner or the table's edge, where enough ink is inside.

    On a page printed lines connect nothing, and what is as large as a digit of its numbers may be one: it stays.
    """
    if max(ink.shape) < EDGE_CUT_SIDE:
        return ink
    connected = binarize(without_printed_lines(ink) if is_page else ink)
    count, labels, stats, _ = label_components(connected)
    areas = strong_areas(ink, labels, count)
    is_cut = np.zeros(count, bool)
    is_cut[np.unique(border(labels))] = True
    is_cut[0] = False
    if is_page:
        is_cut &= ~are_like_digits(stats, is_cut)
    inside = areas[1:][~is_cut[1:]]
    if not is_cut.any() or not len(inside) or inside.max() < INSIDE_SHARE * areas[is_cut].max():
        return ink
    return erase(ink, mask_of_components(labels, is_cut))


def are_like_digits(stats: NDArray[np.int32], is_cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each component, given the stats of all and which the edge cuts, whether it is as large as most others."""
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    is_inside = ~is_cut & (height >= LEAST_DIGIT * stats[0, cv2.CC_STAT_HEIGHT])
    is_inside[0] = False
    if not is_inside.any():
        return np.zeros(len(stats), np.bool_)
    typical = np.median(height[is_inside])
    return np.asarray((height >= LOWEST_CUT * typical) & (np.maximum(width, height) <= LARGEST_CUT * typical), np.bool_)


def is_enclosed(ink: Ink) -> bool:
    """Whether a ring or box is around the digit. A thick box with a digit in it is as solid as a card."""
    ink = crop(ink)
    return remove_enclosure(ink) is not ink


def remove_specks(ink: Ink) -> Ink:
    """The ink's box without dust and noise. Where there are specks, all that surrounds the other components goes."""
    ink = crop(ink)
    count, labels = cv2.connectedComponents(binarize(ink), connectivity=8, ltype=cv2.CV_32S)
    if count <= 2:  # the background and the digit
        return ink
    areas = strong_areas(ink, labels, count)
    is_kept = areas >= SPECK_SHARE * areas.max()
    is_kept[0] = False
    if is_kept.sum() == count - 1:
        return ink
    kept = cv2.dilate(mask_of_components(labels, is_kept), SOFT_EDGE)
    return np.asarray(cv2.bitwise_and(ink, kept), np.uint8)


def strong_areas(ink: Ink, labels: cv2.typing.MatLike, count: int) -> NDArray[np.intp]:
    """How much strong ink each connected component has, in pixels, given the label of each pixel, 0 for background."""
    return np.bincount(labels[ink > STRONG_INK], minlength=count)


def mask_of_components(labels: cv2.typing.MatLike, chosen: NDArray[np.bool_]) -> Mask:
    return np.asarray(np.where(chosen, np.uint8(255), np.uint8(0))[labels], np.uint8)


def crop(ink: Ink) -> Ink:
    """The box of the foreground."""
    top, bottom, left, right = foreground_box(ink)
    return ink[top:bottom, left:right]


def thicken(ink: Ink, digit_height: float | None = None) -> Ink:
    """A stroke so thin that it would vanish when the digit is reduced is dilated first, which pads the ink all around.

    `digit_height`: in pixels, where the ink is a line of several digits.
    """
    scale = DIGIT_SIDE / (digit_height or max(ink.shape))
    if scale > THICKEN_BELOW:
        return ink
    by = round(MIN_STROKE / scale - stroke_width(ink))
    if by < 1:
        return ink
    margin = by // 2 + 1
    padded = cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by + 1, by + 1))), np.uint8)
