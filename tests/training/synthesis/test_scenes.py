"""Training's pictures, and what the pipeline that serves makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from app.preprocessing.normalize import preprocess
from training.synthesis import glyphs
from training.synthesis import non_digits as things
from training.synthesis import scenes as pictures
from training.synthesis.glyphs import NO_DIGIT, Sources


def cross() -> glyphs.Glyph:
    """Two diagonals, since strokes along a picture's edges might be a paper's lines."""
    y, x = np.mgrid[:60, :60]
    return np.where((abs(x - y) < 8) | (abs(x + y - 59) < 8), 255, 0).astype(np.uint8)


def test_pictures_are_what_the_network_will_see_and_both_kinds_are_among_them(sources: Sources) -> None:
    rng = np.random.default_rng(0)
    made = [pictures.picture(sources, rng) for _ in range(150)]
    assert {seen.shape for seen, _ in made} == {(28, 28)}
    labels = np.array([label for _, label in made])
    assert set(labels) == set(range(11))
    assert 0.2 < (labels == NO_DIGIT).mean() < 0.5


def test_a_picture_is_a_function_of_its_generator(sources: Sources) -> None:
    (first, label), (again, same) = (pictures.picture(sources, np.random.default_rng(5)) for _ in range(2))
    assert label == same
    assert np.array_equal(first, again)


@pytest.mark.parametrize("scene", [scene for scene, _ in pictures.SCENES], ids=lambda scene: scene.__name__)
def test_most_scenes_leave_the_pipeline_enough_to_see_a_cross(scene: pictures.Scene) -> None:
    seen = 0
    for seed in range(30):
        made = preprocess(scene(cross(), np.random.default_rng(seed))).astype(float)
        between = np.mean([made[6:9, 12:16], made[19:22, 12:16], made[12:16, 6:9].T, made[12:16, 19:22].T])
        seen += bool(made[12:16, 12:16].mean() > 100 + between)
    assert seen >= 20


def test_ink_and_paper_differ_by_a_quarter_at_least() -> None:
    rng = np.random.default_rng(0)
    assert all(abs(np.subtract(*pictures.two_tones(rng))) > 0.25 for _ in range(200))


def test_what_fills_a_picture_mostly_reaches_its_edges(sources: Sources) -> None:
    reached = 0
    for seed in range(30):
        glyph, _ = things.excerpt(sources, np.random.default_rng(seed))
        seen = pictures.whole(glyph, np.random.default_rng(seed))
        reached += bool(np.ptp(seen[0]) > 10 and np.ptp(seen[:, -1]) > 10)
    assert reached >= 25


def test_a_form_has_lines_from_one_side_of_the_digit_to_the_other() -> None:
    """Nothing is written on it here, so that what is marked are its lines; pale ones in noise may be missed."""
    lined = 0
    for seed in range(60):
        seen = pictures.boxed(np.zeros((40, 30), np.uint8), np.random.default_rng(seed)).astype(int)
        marked = abs(seen - np.median(seen)) > 30
        lined += bool(max(marked.mean(axis=0).max(), marked.mean(axis=1).max()) > 0.35)
    assert lined >= 40
