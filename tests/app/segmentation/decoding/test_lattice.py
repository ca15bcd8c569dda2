"""Which segments are chosen: the best path through the lattice, on strips drawn by hand."""

from __future__ import annotations

import math
from collections.abc import Hashable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.segmentation.decoding.decoder import IMPOSSIBLE
from app.segmentation.decoding.kinds import MARK, OTHER, SIGNS
from app.segmentation.decoding.lattice import (
    LEAST_KIND,
    NO_SPACING,
    PLACE,
    POSSIBLE_DIGIT,
    Candidates,
    Edge,
    Spacing,
    lattice_of,
)
from app.segmentation.decoding.search import Path, best_paths
from app.segmentation.decoding.weights import fitted_weights
from app.segmentation.oversegmentation import (
    Cuts,
    Segment,
    SegmentBudget,
    Strip,
    candidate_segments,
    oversegment,
)
from tests.support.drawn_strips import empty, ring, strip_of, two_blocks

BUDGET = SegmentBudget(max_digits=10_000)


def confident(segments: list[Segment], *wanted: tuple[int, int], least: float = 0.01) -> NDArray[np.float32]:
    """A model that is sure of the segments between these cuts, reads them 0, 1, 2 ... and is unsure of all others."""
    rows = np.full((len(segments), 10), least, np.float32)
    for row, segment in zip(rows, segments, strict=True):
        if (segment.start, segment.end) in wanted:
            row[wanted.index((segment.start, segment.end))] = 0.99
    return rows


def edges_of(
    strip: Strip, found: Cuts, probabilities: NDArray[np.float32], spacing: Spacing = NO_SPACING
) -> list[list[Edge]]:
    """Where each segment is probably a digit, and no mark."""
    segments = candidate_segments(strip, found, BUDGET)
    signs = np.zeros((len(segments), len(SIGNS)), np.float32)
    signs[:, :MARK], signs[:, OTHER] = 0.09, 0.1
    lattice = lattice_of(strip.height, found, Candidates(segments, probabilities, signs), spacing)
    return lattice.outgoing(fitted_weights().signs)


def best(strip: Strip, found: Cuts, probabilities: NDArray[np.float32], count: int = 1) -> list[Path]:
    return best_paths(edges_of(strip, found, probabilities), count)


def chosen(strip: Strip, found: Cuts, *wanted: tuple[int, int], least: float = 0.01) -> list[tuple[int, int]]:
    """The digits on the best path."""
    segments = candidate_segments(strip, found, BUDGET)
    (path,) = best(strip, found, confident(segments, *wanted, least=least))
    return [(edge.segment.start, edge.segment.end) for edge in path.edges if edge.kind == "digit"]


def test_model_decides_whether_two_pieces_are_one_digit() -> None:
    strip = two_blocks(neck=4)
    found = oversegment(strip, BUDGET)
    assert chosen(strip, found, (0, 1), (1, 2)) == [(0, 1), (1, 2)]
    assert chosen(strip, found, (0, 2)) == [(0, 2)]


def test_ring_is_not_halved_by_a_model_that_knows_both() -> None:
    """The less ink is cut the better."""
    strip = ring()
    found = oversegment(strip, BUDGET)
    last = len(found.columns) - 1
    everything = [(start, end) for start in range(last) for end in range(start + 1, last + 1)]
    assert chosen(strip, found, *everything[:10]) == [(0, last)]


def test_dash_between_digits_is_left_out() -> None:
    ink = empty(140)
    ink[1:41, 10:30] = ink[1:41, 80:100] = 255
    ink[20:24, 45:65] = 255
    strip = strip_of(ink)
    found = oversegment(strip, BUDGET)
    last = len(found.columns) - 1
    assert chosen(strip, found, (0, 1), (last - 1, last)) == [(0, 1), (last - 1, last)]


def test_what_no_one_can_read_is_no_digit() -> None:
    strip = two_blocks()
    found = oversegment(strip, BUDGET)
    rows = np.zeros((3, 10), np.float32)
    rows[0, 7] = 0.99
    (path,) = best(strip, found, rows)
    assert [(edge.kind, edge.text) for edge in path.edges] == [("digit", "7"), ("other", "")]


def test_digits_on_the_path_have_the_models_digit_and_confidence() -> None:
    strip = two_blocks()
    rows = np.zeros((3, 10), np.float32)
    rows[0, 7], rows[2, 3] = 0.9, 0.4  # the remainder is the probability that it is not a digit
    (path,) = best(strip, oversegment(strip, BUDGET), rows)
    assert [(edge.text, round(edge.confidence, 3)) for edge in path.edges] == [("7", 0.9), ("3", 0.4)]


def test_n_best_are_different_texts_from_the_likeliest_on() -> None:
    strip = two_blocks()
    rows = np.zeros((3, 10), np.float32)
    rows[0, [7, 1]], rows[2, [3, 8]] = (0.6, 0.4), (0.55, 0.45)
    paths = best(strip, oversegment(strip, BUDGET), rows, count=3)
    assert [path.text for path in paths] == ["73", "78", "13"]
    assert [path.score for path in paths] == sorted((path.score for path in paths), reverse=True)


class EvenNumber:
    """Texts that end with an even digit."""

    start = "odd"

    def step(self, state: Hashable, character: str) -> Hashable | None:
        return "even" if character in "02468" else "odd"

    def accepts(self, state: Hashable) -> bool:
        return state == "even"


def test_search_under_an_automaton_finds_the_likeliest_text_that_it_accepts() -> None:
    strip = two_blocks()
    found = oversegment(strip, BUDGET)
    rows = np.full((3, 10), 1e-4, np.float32)
    rows[0, 7], rows[2, [3, 8]] = 0.99, (0.9, 0.05)
    edges = edges_of(strip, found, rows)
    assert [path.text for path in best_paths(edges, 1, EvenNumber())] == ["78"]


def numbers(*gaps: int) -> tuple[Strip, Cuts, NDArray[np.float32]]:
    """Blocks so far apart, which the model knows one by one."""
    lefts = np.cumsum([10, *(24 + gap for gap in gaps)])
    ink = empty(int(lefts[-1]) + 40)
    for left in lefts:
        ink[1:41, left : left + 24] = 255
    strip = strip_of(ink)
    found = oversegment(strip, BUDGET)
    segments = candidate_segments(strip, found, BUDGET)
    return strip, found, confident(segments, *((cut, cut + 1) for cut in range(len(lefts))))


def test_wide_gaps_are_spaces() -> None:
    (path,) = best(*numbers(8, 45, 8))
    assert path.text == "01 23"


def test_gaps_as_wide_as_all_the_others_are_no_spaces() -> None:
    strip, found, rows = numbers(40, 40, 40)
    edges = edges_of(strip, found, rows, Spacing(1.0, 1.0, 4))
    assert [path.text for path in best_paths(edges, 1)] == ["0123"]


@pytest.mark.parametrize(("gap", "text"), [(0.1, "01 23"), (0.4, "0123")], ids=["close writing", "wide writing"])
def test_a_space_is_wider_than_the_page_s_other_gaps(gap: float, text: str) -> None:
    """One gap of 0.65 heights."""
    strip, found, rows = numbers(4, 26, 4)
    edges = edges_of(strip, found, rows, Spacing(gap, gap, 40))
    paths = best_paths(edges, 10)
    assert paths[0].text == text
    assert {path.text for path in paths} >= {"01 23", "0123"}


def test_what_bulges_above_is_as_near_as_what_bulges_below() -> None:
    """A 9 after a 6: in no single row are they as near as their boxes."""
    ink = empty(100)
    cv2.fillPoly(ink, [np.array([[20, 1], [24, 1], [44, 40], [20, 40]])], (255,))
    cv2.fillPoly(ink, [np.array([[56, 1], [80, 1], [80, 40], [76, 40]])], (255,))
    found = oversegment(strip_of(ink), BUDGET)
    assert found.gaps.max() == pytest.approx(32 / 40, abs=0.06)
    assert found.clearances.max() == pytest.approx(22 / 40, abs=0.06)


def test_gap_between_strokes_is_measured_where_they_are_nearest() -> None:
    """Two strokes that lean so much that their boxes overlap."""
    ink = empty(100)
    for left in (10, 30):
        cv2.line(ink, (left + 24, 2), (left, 40), 255, 3)
    strip = strip_of(ink)
    found = oversegment(strip, BUDGET)
    assert 0.35 <= found.gaps.max() <= 0.5


def test_a_sign_does_not_bridge_empty_paper() -> None:
    """The model takes a 1 and a 0 together for a 0, too."""
    strip, found, rows = numbers(14)
    rows[1] = rows[0]
    (path,) = best(strip, found, rows)
    assert path.text == "01"


def test_digits_that_are_no_edges_are_impossible_under_any_constraint() -> None:
    """Even where the network of signs takes them for the likeliest, and the model's for the unlikeliest."""
    signs = fitted_weights().signs
    most_of_network = -signs[PLACE["network"]] * math.log(LEAST_KIND)
    assert signs[PLACE["model"]] * math.log(POSSIBLE_DIGIT) + most_of_network < -IMPOSSIBLE


def test_a_sign_that_the_network_rather_takes_for_none_is_doubtful() -> None:
    """A letter of which the model sees a digit, and a symbol that is the likeliest of the marks."""
    digits = np.full((3, 10), 0.001, np.float32)
    digits[:, 9] = 0.99
    signs = np.zeros((3, len(SIGNS)), np.float32)
    signs[0, [9, OTHER]] = 0.1, 0.9
    signs[1, [9, OTHER]] = 0.9, 0.1
    signs[2, [MARK + 3, OTHER]] = 0.2, 0.8
    certainties = Candidates([], digits, signs).certainties()
    np.testing.assert_allclose(certainties[[0, 1, 2, 2], [9, 9, MARK + 3, OTHER]], [0.099, 0.99, 0.2, 1], atol=1e-6)
    on_display = Candidates([], digits, signs, is_display=True).certainties()
    np.testing.assert_allclose(on_display[[0, 2], [9, MARK + 3]], [0.99, 0.2], atol=1e-6)
