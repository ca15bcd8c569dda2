from __future__ import annotations

import numpy as np

from training.evaluation.testsets.rendering import (
    colour_ink,
    crop_to_ink,
    ink_on_transparency,
    place_randomly,
    random_colours,
    resize_to_height,
)

DOT = np.array([[0, 0, 0], [0, 255, 128], [0, 0, 0]], np.uint8)


def test_full_ink_has_its_colour_and_no_ink_that_of_the_background() -> None:
    pixels = colour_ink(DOT, background=(10, 20, 30), colour=(210, 120, 30))
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[1, 1].tolist() == [210, 120, 30]
    assert pixels[1, 2].tolist() == [110, 70, 30]


def test_ink_is_the_opaque_part_of_a_transparent_picture() -> None:
    pixels = ink_on_transparency(DOT, (1, 2, 3))
    assert pixels.shape == (3, 3, 4)
    assert np.array_equal(pixels[:, :, 3], DOT)
    assert pixels[1, 1].tolist() == [1, 2, 3, 255]


def test_ink_is_placed_completely_and_elsewhere_each_time() -> None:
    rng = np.random.default_rng(0)
    sheets = [place_randomly(DOT, (20, 30), rng) for _ in range(5)]
    assert all(np.array_equal(crop_to_ink(sheet), crop_to_ink(DOT)) for sheet in sheets)
    assert len({sheet.tobytes() for sheet in sheets}) == 5


def test_resizing_keeps_the_aspect_ratio() -> None:
    assert resize_to_height(np.zeros((10, 5), np.uint8), 40).shape == (40, 20)


def test_random_colours_can_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    assert all(
        abs(np.mean(background) - np.mean(ink)) > 80 for background, ink in (random_colours(rng) for _ in range(50))
    )
