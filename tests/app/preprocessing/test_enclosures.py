"""Rings and boxes are told from the strokes of digits, and erased although a digit touches or crosses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from app.arrays import Image, Ink, Mask
from app.preprocessing import enclosures
from app.preprocessing.enclosures import remove_enclosure
from app.preprocessing.ink import crop
from tests.support.pictures import assert_alike, image_of, sheet
from training.datasets.mnist import Digits

PEN = 6  # pixels

Draw = Callable[[Image, int], Ink]


def in_ring(digit: Image, shift: int, degrees: int = 360) -> Ink:
    """`shift`: in pixels, of the digit in its ring. It touches the ring at 14 and crosses it from 20 on."""
    ink = np.pad(255 - sheet(digit), 60)
    ink = np.asarray(np.roll(ink, shift, axis=0), np.uint8)
    ring = cv2.ellipse(np.zeros_like(ink), (150, 150), (82, 88), 10, 0, degrees, (255,), PEN, cv2.LINE_AA)
    return np.asarray(cv2.max(ink, ring), np.uint8)


def in_box(digit: Image, shift: int) -> Ink:
    ink = np.asarray(np.roll(np.pad(255 - sheet(digit), 60), shift, axis=0), np.uint8)
    corners = np.array([(66, 68), (236, 64), (233, 236), (64, 232)], np.int32)
    return np.asarray(cv2.polylines(ink, [corners], True, (255,), PEN, cv2.LINE_AA), np.uint8)


@pytest.mark.parametrize(
    ("draw", "shift"), [*((in_ring, shift) for shift in (0, 12, 20, 28)), *((in_box, shift) for shift in (0, 12, 20))]
)
def test_a_digit_that_touches_its_outline_or_crosses_a_ring_is_what_is_left(
    draw: Draw, shift: int, one_of_each: list[Image]
) -> None:
    for digit in one_of_each[1:6]:  # what lies on the outline for long is erased with it, as the foot of a two
        ink = crop(draw(digit, shift))
        rest = remove_enclosure(ink)
        assert rest is not ink
        assert_alike(image_of(255 - np.pad(rest, 20)), image_of(sheet(digit)), tolerance=22)


@pytest.mark.parametrize("digit", [1, 4, 5, 7, 9])
def test_a_box_that_a_digit_crosses_far_stays(digit: int, one_of_each: list[Image]) -> None:
    """A bar may lie along the box's straight side and would be erased with it: a seven becomes a one."""
    ink = crop(in_box(one_of_each[digit], 28))
    assert remove_enclosure(ink) is ink


def test_a_ring_that_does_not_close_is_erased_although_the_digit_crosses_it(one_of_each: list[Image]) -> None:
    ink = crop(in_ring(one_of_each[4], 20, degrees=340))
    assert_alike(image_of(255 - np.pad(remove_enclosure(ink), 20)), image_of(sheet(one_of_each[4])), tolerance=22)


def oval(width: int) -> Ink:
    """160 pixels high, in the middle of 300 x 300."""
    return np.asarray(cv2.ellipse(np.zeros((300, 300), np.uint8), (150, 150), (width // 2, 80), 0, 0, 360, (255,), PEN))


Stroke = Sequence[tuple[float, float]]  # from point to point: x and y from the middle


def with_stroke(ink: Ink, *points: tuple[float, float]) -> Ink:
    return with_strokes(ink, points)


def with_strokes(ink: Ink, *strokes: Stroke) -> Ink:
    fixed = [np.rint((np.array(stroke) + 150) * 16).astype(np.int32) for stroke in strokes]
    return crop(np.asarray(cv2.polylines(ink, fixed, False, (255,), PEN, cv2.LINE_AA, 4), np.uint8))


@pytest.mark.parametrize("width", [70, 100, 130])
@pytest.mark.parametrize("reach", [0.88, 1, 1.3], ids=["nearly reaching", "touching", "crossing"])
@pytest.mark.parametrize("side", [-1, 1], ids=["falling", "rising"])
def test_a_slashed_zero_keeps_its_oval(width: int, reach: float, side: int) -> None:
    x, y = side * reach * width / 2 * np.sqrt(0.5), reach * 80 * np.sqrt(0.5)
    ink = with_stroke(oval(width), (x, -y), (-x, y))
    assert remove_enclosure(ink) is ink


@pytest.mark.parametrize("lean", [0.0, 0.3])
@pytest.mark.parametrize("reach", [0.7, 1.0], ids=["apart", "touching"])
def test_a_one_in_a_ring_is_what_is_left(lean: float, reach: float) -> None:
    y = 80 * reach / np.hypot(lean, 1)
    rest = remove_enclosure(with_stroke(oval(156), (lean * y, -y), (-lean * y, y)))
    assert cv2.boundingRect(rest)[2] < 60
    assert cv2.boundingRect(rest)[3] > 90


def test_a_digit_of_several_strokes_in_an_oval_ring_is_what_is_left() -> None:
    rest = remove_enclosure(with_stroke(oval(96), (-24, -66), (20, -62), (-20, 62), (24, 66)))
    assert cv2.boundingRect(rest)[2] < 70


@pytest.mark.parametrize(
    "strokes",
    [
        [[(-22, -14), (0, -19), (15, -9), (-20, 17), (32, 14)]],  # a wide and low two
        [[(-10, -18), (-12, -6), (8, -2), (6, 17), (-14, 17)], [(0, -30), (20, -36)]],  # a five whose bar is apart
    ],
)
def test_a_digit_that_is_small_in_its_ring_is_what_is_left(strokes: list[Stroke]) -> None:
    rest = remove_enclosure(with_strokes(oval(140), *strokes))
    assert max(cv2.boundingRect(rest)[2:]) < 80


@pytest.mark.parametrize(("across", "down"), [(18, 8), (50, 6), (12, 12)], ids=["dash", "bar", "dot"])
def test_a_zero_with_a_mark_inside_keeps_its_oval(across: int, down: int) -> None:
    ink = oval(110)
    cv2.ellipse(ink, (150, 150), (across // 2, down // 2), 0, 0, 360, (255,), -1)
    ink = crop(ink)
    assert remove_enclosure(ink) is ink


@pytest.mark.parametrize("width", [100, 140])
def test_a_zero_whose_stroke_ends_inside_keeps_its_oval(width: int) -> None:
    ink = with_stroke(oval(width), (-0.15 * width, -75), (-0.05 * width, 5))
    assert remove_enclosure(ink) is ink


def test_digits_alone_are_left_as_they_are(test_digits: Digits) -> None:
    """Zeros, eights, sixes and nines are round, with a line of one width along their edge."""
    for digit in test_digits.images[:300]:
        ink = crop(255 - sheet(digit))
        assert remove_enclosure(ink) is ink


def test_noise_that_fills_a_small_picture_asks_for_no_kernel_larger_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed, it has no edge to measure a stroke by: a kernel of 1,500 pixels took minutes and gigabytes."""
    radii: list[int] = []

    def record(mask: Mask, _: int, radius: int) -> Mask:
        radii.append(radius)
        return mask

    monkeypatch.setattr(enclosures, "morphology", record)
    for seed in range(20):
        noise = np.random.default_rng(seed).random((28, 28)) < 0.6
        remove_enclosure(np.where(noise, np.uint8(255), np.uint8(0)))
    assert radii
    assert max(radii) <= 28
