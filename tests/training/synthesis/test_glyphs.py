"""What is written on training's pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from training.synthesis import displays, glyphs
from training.synthesis import scenes as pictures
from training.synthesis.glyphs import NO_DIGIT, Sources

MAKERS = [maker for maker, _ in pictures.MAKERS]
DIGITS = (glyphs.written, glyphs.penned, glyphs.printed, displays.segmented, displays.dotted)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_maker_inks_something_and_is_a_function_of_its_generator(maker: glyphs.Maker, sources: Sources) -> None:
    for seed in range(20):
        glyph, label = maker(sources, np.random.default_rng(seed))
        assert glyph.dtype == np.uint8
        assert glyph.any()
        again, same = maker(sources, np.random.default_rng(seed))
        assert same == label
        assert np.array_equal(again, glyph)


@pytest.mark.parametrize(("maker", "digits"), [(maker, maker in DIGITS) for maker in MAKERS])
def test_only_whole_single_digits_are_labelled_as_digits(maker: glyphs.Maker, digits: bool, sources: Sources) -> None:
    labels = {maker(sources, np.random.default_rng(seed))[1] for seed in range(60)}
    assert labels <= set(range(10)) if digits else labels == {NO_DIGIT}


def test_no_letter_is_drawn_that_is_a_digit_in_some_hands() -> None:
    assert not set("OoIlij|DQ") & set(glyphs.LETTERS)


def test_segments_of_a_line_lead_from_its_one_end_to_the_other() -> None:
    line = np.zeros((20, 20), bool)
    line[10, 3:17] = True
    ends = glyphs.segments(line)
    assert len(ends) == 13
    assert np.allclose(ends[..., 1], 10)
    assert ends[..., 0].min() < 5
    assert ends[..., 0].max() > 14


@pytest.mark.parametrize("make", [lambda g: glyphs.resized(g, 10), glyphs.tight])
def test_glyphs_keep_their_ink_when_they_are_cut_and_made_small(make: Callable[[glyphs.Glyph], glyphs.Glyph]) -> None:
    sheet = np.zeros((40, 50), np.uint8)
    sheet[10:30, 5:25] = 255
    assert make(sheet).max() == 255
