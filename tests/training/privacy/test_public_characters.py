from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from app.preprocessing.normalize import is_mnist
from training.datasets import fonts
from training.privacy import public_characters
from training.privacy.public_characters import CHARACTERS, MAKERS, NO_DIGITS, make_public_characters
from training.synthesis import glyphs
from training.synthesis.glyphs import Sources


@pytest.fixture
def public_sources(sources: Sources) -> Sources:
    return dataclasses.replace(sources, digits=NO_DIGITS)


def test_no_maker_needs_an_mnist_digit(public_sources: Sources) -> None:
    rng = np.random.default_rng(0)
    for maker in MAKERS:
        glyph, label = maker.make(public_sources, rng)
        assert glyph.any()
        assert label < len(CHARACTERS)


def test_a_maker_that_asked_for_an_mnist_digit_would_fail(public_sources: Sources) -> None:
    with pytest.raises(ValueError, match="high"):
        glyphs.handwritten_digit(public_sources, np.random.default_rng(0))


def test_the_sources_hold_no_mnist_digit(monkeypatch: pytest.MonkeyPatch, sources: Sources) -> None:
    monkeypatch.setattr(fonts, "load_fonts", lambda _families: {"font": sources.fonts[0]})
    monkeypatch.setattr(public_characters, "load_pen_digits", lambda _remainders: sources.pen_digits)
    assert len(public_characters.load_public_sources().digits) == 0


def test_characters_have_the_geometry_of_mnist(public_sources: Sources) -> None:
    characters = make_public_characters(60, 0, public_sources)
    # blurred edges may add a pixel on each side
    assert np.mean([is_mnist(image) for image in characters.images]) > 0.3
    assert 0 < characters.labels.max() < len(CHARACTERS)


def test_a_seed_gives_the_same_characters_again(public_sources: Sources) -> None:
    first, second = (make_public_characters(20, 3, public_sources) for _ in range(2))
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.labels, second.labels)
