"""Symbols and letters are drawn in many ways."""

from __future__ import annotations

import numpy as np
import pytest

from training.line_decoding.symbols import SYMBOLS, draw_symbol

PLACES = {"°": (-0.3, 0.65), "~": (0.1, 1.15), "g": (0.1, 1.8), "m": (0.1, 1.3), "k": (-0.3, 1.3), "•": (0.1, 0.9)}


def test_no_two_drawings_of_a_symbol_are_the_same() -> None:
    for symbol in SYMBOLS:
        rng = np.random.default_rng(0)
        assert len({draw_symbol(symbol, 40, 4, 0.1, rng).ink.tobytes() for _ in range(20)}) == 20


@pytest.mark.parametrize(("symbol", "place"), PLACES.items(), ids=str)
def test_symbols_stand_where_hands_put_them(symbol: str, place: tuple[float, float]) -> None:
    """Between these heights, from the digits' top (0) to their base (1)."""
    for seed in range(50):
        glyph = draw_symbol(symbol, height=40, pen=4, slant=0.1, rng=np.random.default_rng(seed))
        assert place[0] <= glyph.top / 40
        assert (glyph.top + len(glyph.ink)) / 40 <= place[1]


def test_a_disc_is_filled() -> None:
    for seed in range(20):
        ink = draw_symbol("●", height=60, pen=5, slant=0, rng=np.random.default_rng(seed)).ink
        assert ink[len(ink) // 2, 5:-5].min() > 0
