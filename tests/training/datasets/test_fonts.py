from __future__ import annotations

import string

import pytest

from training.datasets import fonts
from training.datasets.fonts import TEST, TRAINING, Font, load_fonts, render_character
from training.errors import PackageError

SOME_FAMILIES = {name: TEST[name] for name in ("open-sans", "kristi")}


@pytest.fixture(scope="module")
def some_fonts() -> dict[str, Font]:
    try:
        return load_fonts(SOME_FAMILIES)
    except PackageError as error:
        pytest.skip(str(error))


def test_no_family_is_in_both_parts() -> None:
    assert not set(TRAINING) & set(TEST)
    assert len({sha256 for _, sha256 in (*TRAINING.values(), *TEST.values())}) == 120


def test_each_part_has_printed_fonts_and_handwriting() -> None:
    parts = (fonts.TRAINING_PRINTED, fonts.TRAINING_HANDWRITING, fonts.TEST_PRINTED, fonts.TEST_HANDWRITING)
    assert [len(families) for families in parts] == [40, 41, 20, 19]


@pytest.mark.parametrize("height", [12, 20, 301])
def test_a_character_is_bright_ink_in_a_tight_box_of_the_height_asked_for(
    some_fonts: dict[str, Font], height: int
) -> None:
    for font in some_fonts.values():
        for character in string.digits + string.ascii_letters:
            ink = render_character(font, character, height)
            assert len(ink) == height
            assert ink.max() > 100
            assert min(ink[0].max(), ink[-1].max(), ink[:, 0].max(), ink[:, -1].max()) > 0


def test_characters_look_different(some_fonts: dict[str, Font]) -> None:
    for font in some_fonts.values():
        assert len({render_character(font, digit, 20).tobytes() for digit in string.digits}) == 10
