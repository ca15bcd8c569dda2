from __future__ import annotations

import numpy as np
import pytest

from app.arrays import Ink
from app.preprocessing.normalize import preprocess
from training.synthesis import non_digits, scenes
from training.synthesis.glyphs import Sources
from training.synthesis.scenes import SCENES, Scene


def draw_cross() -> Ink:
    """Two diagonals, since strokes along a picture's edges might be the lines of a paper."""
    y, x = np.mgrid[:60, :60]
    return np.where((abs(x - y) < 8) | (abs(x + y - 59) < 8), 255, 0).astype(np.uint8)


@pytest.mark.parametrize("scene", [scene for scene, _ in SCENES], ids=lambda scene: scene.__name__)
def test_most_scenes_leave_a_cross_visible_after_preprocessing(scene: Scene) -> None:
    visible = 0
    for seed in range(30):
        image = preprocess(scene(draw_cross(), np.random.default_rng(seed))).astype(float)
        between_arms = np.mean([image[6:9, 12:16], image[19:22, 12:16], image[12:16, 6:9].T, image[12:16, 19:22].T])
        visible += bool(image[12:16, 12:16].mean() > 100 + between_arms)
    assert visible >= 20


def test_ink_and_background_differ_by_a_quarter_at_least() -> None:
    rng = np.random.default_rng(0)
    assert all(abs(np.subtract(*scenes.random_tones(rng))) > 0.25 for _ in range(200))


def test_what_fills_a_picture_mostly_reaches_its_edges(sources: Sources) -> None:
    reached = 0
    for seed in range(30):
        glyph, _ = non_digits.photo_crop(sources, np.random.default_rng(seed))
        picture = scenes.full_frame(glyph, np.random.default_rng(seed))
        reached += bool(np.ptp(picture[0]) > 10 and np.ptp(picture[:, -1]) > 10)
    assert reached >= 25


def test_a_form_has_lines_from_one_side_of_the_digit_to_the_other() -> None:
    """Nothing is written on it here, so that only its lines differ from the background; faint ones may be missed."""
    lined = 0
    for seed in range(60):
        picture = scenes.form_field(np.zeros((40, 30), np.uint8), np.random.default_rng(seed)).astype(int)
        marked = abs(picture - np.median(picture)) > 30
        lined += bool(max(marked.mean(axis=0).max(), marked.mean(axis=1).max()) > 0.35)
    assert lined >= 40
