"""Pages of several digits: how they are made, and how many the served model reads right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.session import Model
from app.repository.manifest import read_version
from app.repository.version_folders import newest_version
from tests.conftest import ROOT
from training import __main__ as command
from training.datasets.mnist import Digits, Split
from training.evaluation.pages import LAYOUTS, Layout, contact, count_right, make_page, reader, written_line

APART, TOUCHING, ALONE = LAYOUTS.values()
PLAIN = Layout(size=0, wave=0, slant=0, rotation=0, slope=0, specks=0, most_lines=1, gap=(0.3, 0.6), height=(60, 60))


def parts(pixels: NDArray[np.uint8]) -> int:
    """Connected parts of what differs from a page's corner."""
    far = np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=2) > 60
    return int(cv2.connectedComponents(far.astype(np.uint8))[0]) - 1


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


def test_digits_apart_are_parts_of_their_own() -> None:
    page = make_page(ones(10), PLAIN, np.random.default_rng(0))
    assert parts(page.pixels) == len(page.lines[0])


def test_two_digits_of_a_touching_page_are_one_part() -> None:
    layout = Layout(**{**vars(PLAIN), "touching": True})
    page = make_page(ones(10), layout, np.random.default_rng(0))
    assert parts(page.pixels) == len(page.lines[0]) - 1


def test_touching_digits_meet_and_no_more() -> None:
    block = np.full((20, 10), 255, np.uint8)
    line = written_line([block, block], [-1.0], 0.0, np.random.default_rng(0))
    assert (line.max(axis=0) > 0).all()
    assert line.shape[1] == 19
    assert contact(line, np.pad(block, ((1, 1), (0, 0)))) == 1


def test_ink_and_paper_differ_and_either_may_be_the_darker(test_digits: Digits) -> None:
    rng = np.random.default_rng(1)
    darker = []
    for _ in range(20):
        grey = cv2.cvtColor(make_page(test_digits, APART, rng).pixels, cv2.COLOR_RGB2GRAY).astype(int)
        paper = grey[0, 0]
        assert max(paper - grey.min(), grey.max() - paper) > 80
        darker.append(paper - grey.min() > grey.max() - paper)
    assert {True, False} == set(darker)


def test_right_pages_are_those_read_to_the_last_line(test_digits: Digits) -> None:
    rng = np.random.default_rng(7)
    truths = [make_page(test_digits, APART, rng).lines for _ in range(5)]
    answers = iter([truths[0], [*truths[1], "1"], truths[2][:-1], truths[3], ["x"]])
    assert count_right(lambda _: next(answers), test_digits, APART, 5, seed=7) == 2


@pytest.mark.parametrize("name", ["digits", "digits-mlp"])
def test_pages_are_read_by_the_served_models(name: str, test_digits: Digits) -> None:
    """Connected parts alone, each read as a digit, reach 96 % where digits are apart and 1 % where they touch."""
    _, graph = read_version(newest_version(ROOT / "models", name))
    read = reader(Model(graph, "cpu"))
    assert count_right(read, test_digits, APART, 60, seed=5) >= 58
    assert count_right(read, test_digits, TOUCHING, 40, seed=5) >= 32
    assert count_right(read, test_digits, ALONE, 40, seed=5) >= 32


def test_verb_prints_a_line_for_each_layout(
    data: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load", lambda _folder: data)
    assert command.main(["pages", str(ROOT / "models/digits-mlp/1"), "--pages", "2", "--test"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.endswith("MNIST test digits")
    assert [line.split("  ")[0] for line in others] == list(LAYOUTS)
