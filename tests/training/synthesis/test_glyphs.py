from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.arrays import Ink
from training.synthesis import displays, glyphs, handwriting
from training.synthesis.glyphs import NON_DIGIT, GlyphMaker, Sources
from training.synthesis.pictures import MAKERS

DIGIT_MAKERS = (
    glyphs.handwritten_digit,
    glyphs.redrawn_digit,
    glyphs.printed_digit,
    handwriting.styled_digit,
    handwriting.pen_digit,
    displays.seven_segment_digit,
    displays.dot_matrix_digit,
)


@pytest.mark.parametrize("maker", [maker for maker, _ in MAKERS], ids=lambda maker: maker.__name__)
def test_every_maker_inks_something_and_is_a_function_of_its_generator(maker: GlyphMaker, sources: Sources) -> None:
    for seed in range(20):
        glyph, label = maker(sources, np.random.default_rng(seed))
        assert glyph.dtype == np.uint8
        assert glyph.any()
        same_glyph, same_label = maker(sources, np.random.default_rng(seed))
        assert same_label == label
        assert np.array_equal(same_glyph, glyph)


@pytest.mark.parametrize(("maker", "makes_digits"), [(maker, maker in DIGIT_MAKERS) for maker, _ in MAKERS])
def test_only_whole_single_digits_are_labelled_as_digits(
    maker: GlyphMaker, makes_digits: bool, sources: Sources
) -> None:
    labels = {maker(sources, np.random.default_rng(seed))[1] for seed in range(60)}
    assert labels <= set(range(10)) if makes_digits else labels == {NON_DIGIT}


def test_no_letter_is_drawn_that_is_a_digit_in_some_handwriting() -> None:
    assert not set("OoIlij|DQ") & set(glyphs.LETTERS)


def test_the_lines_of_a_skeleton_lead_from_one_end_to_the_other() -> None:
    skeleton = np.zeros((20, 20), bool)
    skeleton[10, 3:17] = True
    lines = glyphs.skeleton_lines(skeleton)
    assert len(lines) == 13
    assert np.allclose(lines[..., 1], 10)
    assert lines[..., 0].min() < 5
    assert lines[..., 0].max() > 14


@pytest.mark.parametrize("change", [lambda glyph: glyphs.resize(glyph, 10), glyphs.crop_to_ink])
def test_glyphs_keep_their_ink_when_they_are_cropped_and_reduced(change: Callable[[Ink], Ink]) -> None:
    glyph = np.zeros((40, 50), np.uint8)
    glyph[10:30, 5:25] = 255
    assert change(glyph).max() == 255


def test_an_enlarged_digit_lies_on_paper_without_ink(sources: Sources) -> None:
    for seed in range(60):
        glyph, _ = glyphs.handwritten_digit(sources, np.random.default_rng(seed))
        assert np.median(glyph[0]) == 0
