"""Texts with symbols and letters, and what is read of them."""

from __future__ import annotations

import numpy as np
import pytest

from training.line_decoding.texts import random_text, signs_alone


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("24/12/2026", "24/12/2026"),
        ("3 : 2", "3 : 2"),
        ("24 kg", "24"),
        ("#42", "42"),
        ("→ 24", "24"),
        ("9*7=63", "9 7=63"),
        ("9 * 7=63", "9 7=63"),
        ("x=24", "=24"),
        ("Ab", ""),
    ],
)
def test_letters_and_symbols_are_not_read_and_a_space_stands_where_they_stood_between_signs(
    text: str, read: str
) -> None:
    assert signs_alone(text) == read


def test_so_many_texts_have_symbols() -> None:
    rng = np.random.default_rng(0)
    texts = [random_text(rng, senseless=False, symbols=0.3) for _ in range(500)]
    assert 0.2 < np.mean([signs_alone(text) != text for text in texts]) < 0.4
    assert all(signs_alone(text) for text in texts)
