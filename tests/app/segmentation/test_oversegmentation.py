"""Where a line is cut, and which of the pieces are chosen, on strips drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.segmentation import oversegmentation as cuts
from app.segmentation.oversegmentation import Cuts, Span, Strip

HEIGHT = 40


def strip_of(ink: NDArray[np.uint8]) -> Strip:
    return Strip(ink, HEIGHT, np.full(ink.shape[1], len(ink) // 2, np.intp))


def empty(width: int = 120) -> NDArray[np.uint8]:
    return np.zeros((HEIGHT + 2, width), np.uint8)


def two_blocks(neck: int = 0) -> Strip:
    """Two blocks of 24 x 40, 8 apart, and as many rows of ink between them."""
    ink = empty(80)
    ink[1:41, 12:36] = ink[1:41, 44:68] = 255
    ink[20 : 20 + neck, 36:44] = 255
    return strip_of(ink)


def ring() -> Strip:
    ink = empty(60)
    cv2.ellipse(ink, (30, 20), (14, 17), 0, 0, 360, 255, 4)
    return strip_of(ink)


def certain(spans: list[Span], *wanted: tuple[int, int], least: float = 0.01) -> NDArray[np.float32]:
    """A model that is sure of the spans between these cuts, reads them 0, 1, 2 ... and makes little of all others."""
    rows = np.full((len(spans), 10), least, np.float32)
    for row, span in zip(rows, spans, strict=True):
        if (span.start, span.end) in wanted:
            row[wanted.index((span.start, span.end))] = 0.99
    return rows


def chosen(strip: Strip, found: Cuts, *wanted: tuple[int, int], least: float = 0.01) -> list[tuple[int, int]]:
    spans = cuts.spans(strip, found)
    readings = cuts.choose(strip, found, spans, certain(spans, *wanted, least=least))
    return [(reading.span.start, reading.span.end) for reading in readings]


def test_gap_is_cut_without_crossing_ink() -> None:
    strip = two_blocks()
    found = cuts.cut(strip)
    assert found.crossed.tolist() == [0, 0, 0]
    assert np.all((found.columns[1] >= 36) & (found.columns[1] <= 44))


def test_neck_is_cut_where_it_is_thin() -> None:
    found = cuts.cut(two_blocks(neck=4))
    assert len(found.columns) == 3
    assert np.all((found.columns[1] >= 36) & (found.columns[1] <= 44))
    assert found.crossed[1] == 4


def test_cut_winds_between_slanted_strokes_that_share_columns() -> None:
    ink = empty(100)
    for left in (10, 34):
        cv2.line(ink, (left, 40), (left + 36, 1), 255, 4)
    found = cuts.cut(strip_of(ink))
    inner = found.columns[1:-1][found.crossed[1:-1] == 0]
    assert len(inner) == 1
    assert np.ptp(inner[0]) > 12


def test_ring_is_cut_through_two_walls_at_least() -> None:
    found = cuts.cut(ring())
    assert found.crossed[1:-1].min(initial=9) >= 6  # each 3 to 5 thick


def test_solid_ink_is_not_cut() -> None:
    ink = empty(60)
    ink[1:41, 12:48] = 255
    found = cuts.cut(strip_of(ink))
    assert len(found.columns) == 2


def test_faint_ink_is_one_span() -> None:
    """A dash so faint that to cross it costs nothing to speak of."""
    ink = empty(60)
    ink[20, 10:50] = 50
    assert len(cuts.spans(strip_of(ink), cuts.cut(strip_of(ink)))) == 1


def test_every_span_is_an_image_of_mnists_geometry() -> None:
    strip = two_blocks()
    spans = cuts.spans(strip, cuts.cut(strip))
    assert [(span.start, span.end) for span in spans] == [(0, 1), (0, 2), (1, 2)]
    assert [span.box for span in spans] == [(12, 1, 24, 40), (12, 1, 56, 40), (44, 1, 24, 40)]
    for span in spans:
        x, y, width, height = cv2.boundingRect(span.image)
        assert max(width, height) == 20
        assert abs(x + width / 2 - 14.5) <= 1
        assert abs(y + height / 2 - 14.5) <= 1


def test_span_has_only_the_ink_between_its_cuts() -> None:
    strip = two_blocks(neck=4)
    found = cuts.cut(strip)
    ink, _ = cuts.between(strip, found, 0, len(found.columns) - 1)
    halves = [cuts.between(strip, found, index, index + 1)[0].sum() for index in range(len(found.columns) - 1)]
    assert sum(halves) == ink.sum() == strip.ink.sum()


def test_no_span_is_wider_than_a_digit_unless_no_cut_is_in_it() -> None:
    ink = empty(400)
    for left in (10, 60, 110):
        ink[1:41, left : left + 20] = 255
    ink[1:41, 200:390] = 255
    spans = cuts.spans(strip_of(ink), cuts.cut(strip_of(ink)))
    assert all(span.box[2] <= cuts.WIDEST * HEIGHT for span in spans if span.end > span.start + 1)
    assert max(span.box[2] for span in spans) == 190


def test_model_decides_whether_two_pieces_are_one_digit() -> None:
    strip = two_blocks(neck=4)
    found = cuts.cut(strip)
    assert chosen(strip, found, (0, 1), (1, 2)) == [(0, 1), (1, 2)]
    assert chosen(strip, found, (0, 2)) == [(0, 2)]


def test_ring_is_not_halved_by_a_model_that_knows_both() -> None:
    """The less ink is cut the better."""
    strip = ring()
    found = cuts.cut(strip)
    last = len(found.columns) - 1
    everything = [(start, end) for start in range(last) for end in range(start + 1, last + 1)]
    assert chosen(strip, found, *everything[:10]) == [(0, last)]


def test_dash_between_digits_is_left_out() -> None:
    ink = empty(140)
    ink[1:41, 10:30] = ink[1:41, 80:100] = 255
    ink[20:24, 45:65] = 255
    strip = strip_of(ink)
    found = cuts.cut(strip)
    last = len(found.columns) - 1
    assert chosen(strip, found, (0, 1), (last - 1, last)) == [(0, 1), (last - 1, last)]


def test_what_no_one_can_read_is_still_a_digit_if_it_is_as_large_as_one() -> None:
    strip = two_blocks()
    readings = chosen(strip, cuts.cut(strip), (0, 1), least=0.0)
    assert readings == [(0, 1), (1, 2)]


def test_readings_say_the_models_digit_and_how_sure_it_is() -> None:
    strip = two_blocks()
    found = cuts.cut(strip)
    spans = cuts.spans(strip, found)
    rows = np.zeros((3, 10), np.float32)
    rows[0, 7], rows[2, 3] = 0.9, 0.4  # the rest is the probability that it is no digit
    readings = cuts.choose(strip, found, spans, rows)
    assert [(each.digit, round(each.confidence, 3)) for each in readings] == [(7, 0.9), (3, 0.4)]
