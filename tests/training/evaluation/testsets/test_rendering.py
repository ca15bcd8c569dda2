from __future__ import annotations

import numpy as np

from training.evaluation.testsets.rendering import any_colours, inked, on_nothing, placed_anywhere, resized, trimmed

DOT = np.array([[0, 0, 0], [0, 255, 128], [0, 0, 0]], np.uint8)


def test_full_ink_has_its_colour_and_no_ink_that_of_the_paper() -> None:
    pixels = inked(DOT, paper=(10, 20, 30), colour=(210, 120, 30))
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[1, 1].tolist() == [210, 120, 30]
    assert pixels[1, 2].tolist() == [110, 70, 30]


def test_on_nothing_ink_is_what_is_not_transparent() -> None:
    pixels = on_nothing(DOT, (1, 2, 3))
    assert pixels.shape == (3, 3, 4)
    assert np.array_equal(pixels[:, :, 3], DOT)
    assert pixels[1, 1].tolist() == [1, 2, 3, 255]


def test_placed_anywhere_is_whole_and_elsewhere_each_time() -> None:
    rng = np.random.default_rng(0)
    sheets = [placed_anywhere(DOT, (20, 30), rng) for _ in range(5)]
    assert all(np.array_equal(trimmed(sheet), trimmed(DOT)) for sheet in sheets)
    assert len({sheet.tobytes() for sheet in sheets}) == 5


def test_resizing_keeps_the_shape() -> None:
    assert resized(np.zeros((10, 5), np.uint8), 40).shape == (40, 20)


def test_any_colours_can_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    assert all(abs(np.mean(paper) - np.mean(ink)) > 80 for paper, ink in (any_colours(rng) for _ in range(50)))
