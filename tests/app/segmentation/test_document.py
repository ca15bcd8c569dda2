"""Pages become lines of candidate segments, on pages drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.errors import BlankPicture, TooManyDigits
from app.preprocessing.decode import open_picture
from app.segmentation import document, layout, trust
from app.segmentation.decoding.reading import ReadLine, Sign
from app.segmentation.decorations.undecorated import UndecoratedPage
from app.segmentation.oversegmentation import SEGMENTS_PER_DIGIT
from app.segmentation.page_reader import PageReader
from tests.support.digit_pages import digit_page
from tests.support.drawn_pages import bars, lefts, sheet
from tests.support.pictures import encode
from training.datasets.mnist import Digits


def test_lines_may_slope() -> None:
    """Eight digits that rise by two heights, above eight more that do."""
    places = [(20 + 45 * index, 100 - 10 * index) for index in range(8)]
    below = [(x, y + 65) for x, y in places]
    ink = bars(sheet(), *places, *below)
    assert lefts(ink) == [[x for x, _ in places]] * 2
    for line in document.segment_ink(ink, 20).lines:
        rise = int(line.strip.middle[0]) - int(line.strip.middle[-1])
        assert 65 <= rise <= 80


def test_line_with_a_stroke_much_thinner_than_the_pen_is_less_certain() -> None:
    """It may be a piece of a paper's edge."""
    ink = bars(sheet(), (20, 20), (60, 20), (20, 120), (60, 120))
    ink[120:150, 100] = 255
    assert [line.trust for line in document.segment_ink(ink, 10).lines] == [1.0, trust.TRUST_IN_FAINT]


def test_empty_page_is_blank() -> None:
    with pytest.raises(BlankPicture):
        document.segment_ink(sheet(), 10)


def test_dust_makes_no_line_on_a_page() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[200:204, 200:204] = 255
    assert len(document.segment_ink(ink, 10).lines) == 1


def test_texture_of_more_components_than_can_be_digits_costs_little() -> None:
    """14,400 crosses: comparing each two of them would take gigabytes."""
    cross = np.zeros((10, 10), np.uint8)
    cross[1:8, 4] = cross[4, 1:8] = 255
    assert len(layout.connected_components(np.tile(cross, (120, 120)))[0]) == layout.MAX_COMPONENTS
    with pytest.raises(TooManyDigits):
        document.segment_ink(np.tile(cross, (120, 120)), 256)


def test_digits_are_counted_by_their_room() -> None:
    """A hundred that all touch are one part of the ink, and still a hundred."""
    ink = sheet(60, 3000)
    ink[20:50, 10:2900] = 255
    with pytest.raises(TooManyDigits):
        document.segment_ink(ink, 20)


def comb(pitch: int) -> Ink:
    """Strokes as close to each other as pixels allow."""
    ink = sheet(64, 1024)
    ink[8:56, ::pitch] = 255
    return ink


@pytest.mark.parametrize("pitch", [2, 3, 4, 5])
def test_a_comb_that_asks_for_thousands_of_segments_is_refused_before_an_image_is_made(
    pitch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """512 strokes may be 8,000 segments."""

    def centred(_: Ink) -> None:
        pytest.fail("an image was made")

    monkeypatch.setattr(document, "centre", centred)
    with pytest.raises(TooManyDigits, match="more than the 30 digits"):
        document.segment_ink(comb(pitch), 30)


def test_strips_that_together_are_far_larger_than_the_page_are_refused() -> None:
    """Lines that slope by 40 degrees: each one's box is half of the page."""
    places = [(10 + 40 * column, 70 * row + 34 * column) for row in range(16) for column in range(24)]
    with pytest.raises(TooManyDigits):
        document.segment_ink(bars(sheet(2000, 1000), *places, height=60), 10_000)


@pytest.mark.parametrize(("columns", "height"), [(10, 84), (25, 40)])
def test_as_many_digits_as_are_allowed_are_segmented(test_digits: Digits, columns: int, height: int) -> None:
    rows = np.arange(250).reshape(-1, columns)
    page = digit_page(test_digits, [list(row) for row in rows], height)
    images = PageReader(open_picture(encode(page), page.size), 256).segment().images  # type: ignore[union-attr]
    assert 250 <= len(images) <= 0.7 * SEGMENTS_PER_DIGIT * 250


def test_strokes_of_a_thin_pen_stay_wide_enough_to_be_read() -> None:
    """One pixel of 1,000 would be a sixteenth of one."""
    ink = sheet(1200, 800)
    cv2.polylines(ink, [np.array([[100, 100], [400, 100], [250, 1100]], np.int32)], isClosed=False, color=255)
    (line,) = document.segment_ink(ink, 10).lines
    assert (line.strip.ink[30:50] > 128).sum(axis=1).min() >= 4


def test_boxes_are_where_the_ink_is_at_any_scale() -> None:
    ink = bars(sheet(), (50, 60), height=160)
    (line,) = document.segment_ink(ink, 10).lines
    x, y, width, height = line.placement.on_picture(line.segments[0].box)
    assert np.allclose([x, y, width, height], [50, 60, 6, 160], atol=3)
    (twice,) = document.segment_ink(ink, 10, np.diag([2.0, 2.0, 1.0])).lines
    assert np.allclose(twice.placement.on_picture(twice.segments[0].box), [100, 120, 12, 320], atol=6)


def test_neighbouring_lines_ink_is_not_in_a_strip() -> None:
    """The second line's stroke reaches up between those of the first."""
    ink = bars(bars(sheet(), (20, 20), (100, 20)), (60, 45), (20, 75), (100, 75))
    first = document.segment_ink(ink, 10).lines[0]
    assert not first.strip.ink[:, 40:70].any() or len(lefts(ink)) == 1


def test_every_segment_becomes_an_image_of_mnists_geometry() -> None:
    page = document.segment_ink(bars(sheet(), (50, 60), (120, 60), height=60), 10)
    assert len(page.images) == len(page.lines[0].segments) >= 2
    for image in page.images:
        x, y, width, height = cv2.boundingRect(image)
        assert max(width, height) == 20
        assert abs(x + width / 2 - 14.5) <= 1
        assert abs(y + height / 2 - 14.5) <= 1


def read(ink: Ink, digit: int = 1, *, is_display: bool = False) -> list[ReadLine]:
    """By a model that takes everything for this digit."""
    page = document.segment_ink(ink, 64)._replace(is_display=is_display)
    return page.decode(np.tile(np.eye(10, dtype=np.float32)[digit] * 0.99, (len(page.images), 1)))


def test_a_number_that_is_struck_through_says_so() -> None:
    ink = bars(bars(sheet(), (100, 80), (150, 80), (200, 80)), (100, 200), (150, 200), (200, 200))
    ink[98:102, 80:230] = 255
    assert [line.struck for line in read(ink)] == [True, False]


def test_one_number_of_several_on_a_line_is_struck_and_none_of_the_line_is_accepted() -> None:
    ink = bars(sheet(300, 600), (60, 80), (100, 80), (300, 80), (340, 80))
    ink[98:102, 40:130] = 255
    (line,) = read(ink)
    assert [sign.struck for sign in line.signs if sign.kind == "digit"] == [True, True, False, False]
    assert (line.struck, line.is_accepted(0.5)) == (False, False)


def test_a_display_has_no_space_beside_a_narrow_digit() -> None:
    ink = bars(sheet(), (60, 60), (80, 60), (100, 60), (145, 60))
    (written,), (shown,) = read(ink), read(ink, is_display=True)
    assert (written.text, shown.text) == ("111 1", "1111")


@pytest.mark.parametrize(("below", "digit", "is_doubtful"), [(-1, 7, True), (12, 7, False), (-1, 1, False)])
def test_a_seven_whose_foot_an_underline_may_hide_is_doubtful(below: int, digit: int, *, is_doubtful: bool) -> None:
    ink = bars(sheet(), (100, 80), (150, 80), (200, 80))
    for x in (100, 150, 200) if digit == 7 else ():
        ink[80:86, x - 20 : x] = 255
    ink[119 + below : 123 + below, 80:230] = 255
    (line,) = read(ink, digit)
    assert line.text == 3 * str(digit)
    assert (line.confidence < 0.9) == is_doubtful


def test_a_line_with_a_much_fainter_part_is_doubtful() -> None:
    ink = bars(sheet(), (40, 40), (80, 40), (40, 140), (80, 140))
    ink[140:180, 80:90] //= 3
    assert [line.trust < 1 for line in document.segment_ink(ink, 10).lines] == [False, True]


@pytest.mark.parametrize(("is_cut_out", "is_doubtful"), [(False, True), (True, False)])
def test_only_the_edge_of_a_page_cuts_digits_and_not_that_of_a_field(*, is_cut_out: bool, is_doubtful: bool) -> None:
    ink = np.ascontiguousarray(bars(sheet(), (40, 40), (80, 40))[:, 40:])
    page = UndecoratedPage(ink, is_cut_out=is_cut_out)
    (line,) = document.segment_undecorated(page, 10, document.SAME_PLACE).lines
    assert (line.trust < 1) == is_doubtful


@pytest.mark.parametrize(("x", "y", "is_doubtful"), [(160, 75, True), (160, 200, False), (300, 75, False)])
def test_a_line_with_another_beside_its_end_is_doubtful(x: int, y: int, is_doubtful: bool) -> None:
    """The last wheel of a counter may stand between two digits."""
    ink = bars(sheet(), (60, 50), (90, 50), (120, 50), (x, y))
    assert [line.trust < 1 for line in document.segment_ink(ink, 10).lines] == [is_doubtful] * 2


def test_a_line_that_lacks_the_mark_of_all_others_is_doubtful() -> None:
    (line,) = document.segment_ink(bars(sheet(), (40, 40), (80, 40)), 10).lines
    rows = np.tile(np.eye(10, dtype=np.float32)[7] * 0.99, (len(line.segments), 1))
    found = line.find_paths(rows, 1, None, document.spacing_of([line]))
    alone, among_decimals = line.read(found, 1), line.read(found, 1, {".": 2.5})
    assert alone.text == among_decimals.text
    assert among_decimals.confidence < 0.8 * alone.confidence


@pytest.mark.parametrize(
    ("texts", "signs"),
    [
        (["1.2", "3.4", "5.6", "7.8"], {"/": -1, ".": 1, ",": -1}),
        (["12", "34", "56", "7/8"], {"/": -1, ".": -1, ",": -1}),
        (["1/2", "34"], {}),
    ],
    ids=["others have points", "others have none", "too few others"],
)
def test_other_lines_tell_how_likely_a_mark_is(texts: list[str], signs: dict[str, int]) -> None:
    lines = [ReadLine([Sign("digit", text, 1.0, (0, 0, 1, 1))], 1.0, []) for text in texts]
    agreement = document.agreements(lines)[-1]
    assert {mark: np.sign(more) for mark, more in agreement.items()} == signs
