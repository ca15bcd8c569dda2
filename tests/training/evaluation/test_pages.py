"""Synthetic pages of several digits, and how many of them the served models read correctly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.session import Model
from app.repository.manifest import read_version
from app.repository.version_folders import newest_version
from tests.conftest import ROOT
from training import __main__
from training.commands import evaluating
from training.datasets.mnist import Digits, Split
from training.evaluation.pages import (
    LAYOUTS,
    Layout,
    count_correct,
    make_page,
    page_reader,
    render_line,
    touching_overlap,
)

APART, TOUCHING, ALONE = LAYOUTS.values()
PLAIN = Layout(
    size_variation=0,
    baseline_jitter=0,
    slant=0,
    rotation=0,
    skew=0,
    max_specks=0,
    max_lines=1,
    gap=(0.3, 0.6),
    height=(60, 60),
)


def count_components(pixels: NDArray[np.uint8]) -> int:
    """Connected components of the pixels that differ from the page's corner."""
    is_ink = np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=2) > 60
    return int(cv2.connectedComponents(is_ink.astype(np.uint8))[0]) - 1


def ones(count: int) -> Digits:
    """Upright strokes of 20 pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:24, 12:15] = 255
    return Digits(images, np.ones(count, np.uint8))


def test_pages_of_a_seed_are_the_same(test_digits: Digits) -> None:
    one, other = (make_page(test_digits, TOUCHING, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.pixels, other.pixels)
    assert one.lines == other.lines


def test_pages_hold_three_to_six_digits_on_one_to_three_lines(test_digits: Digits) -> None:
    rng = np.random.default_rng(0)
    pages = [make_page(test_digits, APART, rng) for _ in range(60)]
    assert {sum(map(len, page.lines)) for page in pages} == {3, 4, 5, 6}
    assert {len(page.lines) for page in pages} == {1, 2, 3}
    assert all(all(page.lines) for page in pages)


def test_digits_apart_are_separate_components() -> None:
    page = make_page(ones(10), PLAIN, np.random.default_rng(0))
    assert count_components(page.pixels) == len(page.lines[0])


def test_two_touching_digits_are_one_component() -> None:
    layout = Layout(**{**vars(PLAIN), "touching": True})
    page = make_page(ones(10), layout, np.random.default_rng(0))
    assert count_components(page.pixels) == len(page.lines[0]) - 1


def test_touching_digits_overlap_only_as_far_as_they_must() -> None:
    block = np.full((20, 10), 255, np.uint8)
    line = render_line([block, block], [-1.0], 0.0, np.random.default_rng(0))
    assert (line.max(axis=0) > 0).all()
    assert line.shape[1] == 19
    assert touching_overlap(line, np.pad(block, ((1, 1), (0, 0)))) == 1


def test_ink_and_background_differ_and_either_may_be_the_darker(test_digits: Digits) -> None:
    rng = np.random.default_rng(1)
    is_ink_darker = set()
    for _ in range(20):
        grey = cv2.cvtColor(make_page(test_digits, APART, rng).pixels, cv2.COLOR_RGB2GRAY).astype(int)
        background = grey[0, 0]
        assert max(background - grey.min(), grey.max() - background) > 80
        is_ink_darker.add(bool(background - grey.min() > grey.max() - background))
    assert is_ink_darker == {True, False}


def test_a_page_is_correct_only_if_every_line_is(test_digits: Digits) -> None:
    rng = np.random.default_rng(7)
    lines = [make_page(test_digits, APART, rng).lines for _ in range(5)]
    answers = iter([lines[0], [*lines[1], "1"], lines[2][:-1], lines[3], ["x"]])
    assert count_correct(lambda _: next(answers), test_digits, APART, 5, seed=7) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "digits-mlp"])
def test_pages_are_read_by_the_served_models(name: str, test_digits: Digits) -> None:
    """Connected components alone, one digit each, reach 96 % where digits are apart and 1 % where they touch."""
    _, graphs = read_version(newest_version(ROOT / "models", name))
    read_page = page_reader(Model(graphs.float32, "cpu"))
    assert count_correct(read_page, test_digits, APART, 60, seed=5) >= 58
    # Since cuts through ink cost more, digits-mlp, which is not the default, joins most digits that touch: 9 of 40.
    if name == "digits":
        assert count_correct(read_page, test_digits, TOUCHING, 40, seed=5) >= 32
        assert count_correct(read_page, test_digits, ALONE, 40, seed=5) >= 32


def test_a_few_pages_are_read_by_the_default_model(test_digits: Digits) -> None:
    _, graphs = read_version(newest_version(ROOT / "models", "digits"))
    read_page = page_reader(Model(graphs.float32, "cpu"))
    assert count_correct(read_page, test_digits, APART, 15, seed=5) >= 14
    assert count_correct(read_page, test_digits, TOUCHING, 10, seed=5) >= 7


def test_the_command_prints_a_line_for_each_layout(
    data: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluating, "load_mnist", lambda _folder: data)
    assert __main__.main(["pages", str(ROOT / "models/digits-mlp/1"), "--pages", "2", "--test"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.endswith("MNIST test digits")
    assert [line.split("  ")[0] for line in others] == list(LAYOUTS)
