from __future__ import annotations

import numpy as np

from training.image_grid import CELL, COLUMNS, GAP, draw_grid


def test_images_are_drawn_dark_on_light_in_rows() -> None:
    images = np.zeros((COLUMNS + 1, 28, 28), np.uint8)
    images[-1] = 255
    grid = np.asarray(draw_grid(images, ["0"] * len(images)))
    assert (grid[GAP : GAP + CELL, GAP : GAP + CELL] == 255).all()
    last_row = grid[-GAP - CELL :, GAP : GAP + CELL]
    assert (last_row == 0).any()
    assert grid.shape[0] > 2 * CELL


def test_no_image_at_all_is_an_empty_grid() -> None:
    assert draw_grid(np.zeros((0, 28, 28), np.uint8), []).size[0] > COLUMNS * CELL
