"""Shadows and pale fills, which are fainter than what is written on them."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Ink
from app.segmentation.decorations.shadows import without_shadows
from tests.support.drawn_pages import bars, sheet


def shaded(ink: Ink, level: int) -> Ink:
    """The ink with a shadow over its right half, which comes in from below."""
    shadow = np.zeros_like(ink)
    height, width = ink.shape
    cv2.fillPoly(shadow, [np.array([(width // 2, 30), (width - 20, height), (width // 3, height)])], (255,))
    soft = cv2.convertScaleAbs(cv2.GaussianBlur(shadow, (0, 0), 2), alpha=level / 255)
    return np.asarray(np.maximum(ink, soft), np.uint8)


def test_a_shadow_is_erased_and_what_is_written_on_it_stays_as_dark_as_it_was() -> None:
    ink = bars(sheet(), (40, 60), (200, 150), (220, 150), (240, 160))
    rest = without_shadows(shaded(ink, 150))
    assert rest[ink > 0].mean() > 250
    assert rest[cv2.dilate(ink, np.ones((9, 9), np.uint8)) == 0].mean() < 5


def test_a_page_without_shadows_stays_as_it_is() -> None:
    ink = bars(sheet(), (40, 60), (200, 150))
    assert without_shadows(ink) is ink


def test_light_digits_in_a_grey_window_are_not_erased_with_it() -> None:
    ink = bars(sheet(), (300, 60), (330, 60))
    ink[40:160, 40:240] = 150
    for left in (80, 130, 180):
        ink[60:140, left : left + 20] = 0
    assert without_shadows(ink) is ink
