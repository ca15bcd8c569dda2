"""Lines are written with the box of each sign."""

from __future__ import annotations

import numpy as np
import pytest

from training.line_decoding.marks import MARKS, draw_mark
from training.line_decoding.written_lines import HARD, NATURAL, NOTHING, Hand, Manner, put_together, write_line
from training.synthesis.glyphs import Sources


@pytest.mark.parametrize("manner", [HARD, NATURAL], ids=["hard", "natural"])
def test_a_line_is_a_function_of_its_generator(manner: Manner, sources: Sources) -> None:
    for seed in range(20):
        one, other = (write_line(sources, manner, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one.ink, other.ink)
        assert one.signs == other.signs


def test_all_ink_is_in_the_boxes_of_the_signs(sources: Sources) -> None:
    for seed in range(30):
        line = write_line(sources, NATURAL, np.random.default_rng(seed))
        rest = line.ink.copy()
        for sign in line.signs:
            x, y, width, height = sign.box
            assert rest.size
            assert width * height > 0
            rest[y : y + height, x : x + width] = 0
        assert rest.max() < 48


def test_the_signs_are_those_of_the_text_and_spaces_are_none(sources: Sources) -> None:
    rng = np.random.default_rng(0)
    line = put_together("12 4:5", Hand(sources, 40, NATURAL, rng), NATURAL, rng)
    assert line.text == "12 4:5"
    assert "".join(sign.text for sign in line.signs) == "124:5"


def test_words_have_no_text(sources: Sources) -> None:
    rng = np.random.default_rng(0)
    line = put_together("Ab", Hand(sources, 40, HARD, rng), HARD, rng)
    assert line.text == ""
    assert {sign.text for sign in line.signs} == {NOTHING}


def test_a_unit_has_a_box_and_no_text(sources: Sources) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        line = put_together("24 kg", Hand(sources, 40, NATURAL, rng), NATURAL, rng)
        assert line.text == "24"
        assert [sign.text for sign in line.signs] == ["2", "4", NOTHING, NOTHING]


PLACES = {".": (0.7, 1.3), ",": (0.7, 1.5), "-": (0.2, 0.9), "/": (-0.4, 1.5), ":": (0.0, 1.3), "%": (-0.4, 1.5)}


@pytest.mark.parametrize(("mark", "place"), PLACES.items(), ids=str)
def test_marks_stand_where_hands_put_them(mark: str, place: tuple[float, float]) -> None:
    """Between these heights, from the digits' top (0) to their base (1)."""
    for seed in range(50):
        glyph = draw_mark(mark, height=40, pen=4, slant=0.1, rng=np.random.default_rng(seed))
        assert place[0] <= glyph.top / 40
        assert (glyph.top + len(glyph.ink)) / 40 <= place[1]


def test_no_two_drawings_of_a_mark_are_the_same() -> None:
    for mark in MARKS:
        rng = np.random.default_rng(0)
        assert len({draw_mark(mark, 40, 4, 0.1, rng).ink.tobytes() for _ in range(20)}) == 20
