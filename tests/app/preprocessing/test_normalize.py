"""Pictures become images in MNIST's geometry."""

from __future__ import annotations

import itertools
from contextlib import suppress

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.arrays import Images
from app.errors import BlankPicture, ServiceError, SeveralDigits, TooManyDigits
from app.preprocessing.decode import Picture, open_picture
from app.preprocessing.normalize import centre_of_mass, mnist_png_to_image, preprocess, reduce, to_image
from app.segmentation.page_reader import PageReader
from tests.support.generated_pictures import CONTENTS, MODES, generated_pixels, picture_file
from tests.support.pictures import MAX_PIXELS, assert_alike, encode, enlarged, image_of
from training.datasets.mnist import Digits
from training.evaluation.sheets.kinds import KINDS, make_sheet


def images_of_page(picture: Picture) -> Images:
    document = PageReader(picture, 64).segment()
    assert document
    return document.images


def sheet_with_box(top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    """A white sheet of 100 x 120 with a black rectangle."""
    sheet = np.full((100, 120), 255, np.uint8)
    sheet[top : top + height, left : left + width] = 0
    return sheet


def test_every_mnist_test_digit_passes_unchanged_in_either_polarity(test_digits: Digits) -> None:
    for digit in test_digits.images:
        assert np.array_equal(image_of(digit), digit)
        assert np.array_equal(image_of(255 - digit), digit)


@pytest.mark.parametrize("kind", ["ink", "heading", "ringed", "dates", "turned by 90"])
def test_sheet_of_numbers_is_refused_where_one_digit_is_read(kind: str) -> None:
    with pytest.raises(SeveralDigits, match="send it to /read"):
        to_image(open_picture(make_sheet(KINDS[kind], (0, 0)).content, MAX_PIXELS))


def test_digit_of_many_dots_or_pieces_is_not_taken_for_several(test_digits: Digits) -> None:
    dots = np.full((600, 600), 255, np.uint8)
    for y, x in np.argwhere(test_digits.images[0][::2, ::2] > 100):
        cv2.circle(dots, (60 + 34 * int(x), 60 + 34 * int(y)), 12, (0,), -1)
    assert to_image(open_picture(encode(dots), MAX_PIXELS)).any()


@pytest.mark.parametrize(("width", "side"), [(20, 120), (5, 225)], ids=["wide", "thin"])
def test_large_ink_is_halved_unless_its_strokes_are_thin(width: int, side: int) -> None:
    ring = np.zeros((300, 300), np.uint8)
    cv2.circle(ring, (150, 150), 110, (255,), width)
    assert max(reduce(ring).shape) == pytest.approx(side, abs=3)
    assert max(reduce(ring[:150, :150]).shape) > 100, "it is not large"


def test_large_drawing_becomes_the_image_of_a_smaller_one(seven: NDArray[np.uint8]) -> None:
    small, large = (
        255 - np.asarray(cv2.resize(seven, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
        for side in (140, 843)
    )
    assert_alike(image_of(large), image_of(small), tolerance=2)


def test_mnist_png_takes_the_short_way_and_nothing_else_does(seven: NDArray[np.uint8]) -> None:
    assert np.array_equal(mnist_png_to_image(encode(seven)), seven)  # type: ignore[arg-type]
    assert mnist_png_to_image(encode(255 - seven)) is None
    assert mnist_png_to_image(encode(np.roll(seven, 3, axis=1))) is None
    assert mnist_png_to_image(encode(enlarged(seven))) is None
    assert mnist_png_to_image(encode(seven)[:-20]) is None
    for at in range(33, len(encode(seven))):  # in its data, in a checksum, at its end
        damaged = bytearray(encode(seven))
        damaged[at] ^= 1
        assert mnist_png_to_image(bytes(damaged)) is None


def test_longer_side_of_the_ink_becomes_20_pixels() -> None:
    seen = image_of(sheet_with_box(10, 20, 60, 30))
    rows, columns = np.nonzero(seen.max(axis=1))[0], np.nonzero(seen.max(axis=0))[0]
    assert len(rows) == 20
    assert len(columns) == 10


def test_centre_of_mass_lands_on_pixel_14() -> None:
    lopsided = sheet_with_box(10, 20, 60, 10)
    lopsided[60:70, 20:60] = 0  # an L
    y, x = centre_of_mass(image_of(lopsided))
    assert abs(y - 14.0) <= 0.5
    assert abs(x - 14.0) <= 0.5


def test_place_on_the_sheet_does_not_matter(seven: NDArray[np.uint8]) -> None:
    seen = []
    for top, left in ((0, 0), (20, 120), (10, 60)):
        sheet = np.full((300, 400), 255, np.uint8)
        sheet[top : top + 280, left : left + 280] = enlarged(seven)
        seen.append(image_of(sheet))
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0], seen[2])
    assert_alike(seen[0], seven, tolerance=12)


def test_wide_and_narrow_pictures_keep_their_shape() -> None:
    """A line so thin that it would vanish is thickened, as every stroke is."""
    assert image_of(sheet_with_box(50, 5, 4, 110)).max(axis=1).astype(bool).sum() <= 2
    assert image_of(sheet_with_box(5, 50, 90, 3)).max(axis=0).astype(bool).sum() <= 2


def test_tiny_picture_is_enlarged(seven: NDArray[np.uint8]) -> None:
    tiny = cv2.resize(seven, (14, 14), interpolation=cv2.INTER_AREA)
    assert_alike(image_of(np.asarray(tiny, np.uint8)), seven, tolerance=20)


def test_thin_pen_leaves_a_stroke_as_wide_as_mnists() -> None:
    sheet = np.full((300, 300), 255, np.uint8)
    cv2.line(sheet, (60, 40), (240, 40), (0,), 2)
    cv2.line(sheet, (240, 40), (100, 260), (0,), 2)
    seen = image_of(sheet)
    assert seen.max() == 255
    assert 1.5 < seen[16].astype(float).sum() / 255 < 4  # across the slanted stroke


@pytest.mark.parametrize("height", [1, 2, 3, 4, 12, 21, 64, 97, 321, 1025])
def test_pictures_of_every_shape_are_read_or_refused(height: int) -> None:
    rng = np.random.default_rng(height)
    for width, kind in itertools.product([1, 2, 3, 4, 12, 21, 64, 97, 321, 1025], ["areas", "specks"]):
        picture = np.full((height, width), 240, np.uint8)
        picture[: rng.integers(height + 1), : rng.integers(width + 1)] = rng.integers(256)
        if kind == "specks":
            picture[rng.random(picture.shape) < 0.2] = rng.integers(256)
        with suppress(ServiceError):
            assert preprocess(picture).shape == (28, 28)
        with suppress(ServiceError):
            assert images_of_page(open_picture(encode(picture), MAX_PIXELS)).shape[1:] == (28, 28)


def assert_read_or_refused(content: bytes) -> None:
    """No picture may be the cause of an unexpected error."""
    for work in (lambda picture: [to_image(picture)], images_of_page):
        with suppress(BlankPicture, SeveralDigits, TooManyDigits):
            assert all(image.shape == (28, 28) for image in work(open_picture(content, MAX_PIXELS)))


@pytest.mark.parametrize("count", [100, pytest.param(20_000, marks=pytest.mark.slow)])
def test_generated_pictures_of_all_formats_are_read_or_refused(count: int, test_digits: Digits) -> None:
    kinds = [(kind, mode) for kind, modes in MODES.items() for mode in modes]
    for index in range(count):
        rng = np.random.default_rng(index)
        pixels = generated_pixels(rng, test_digits.images)
        assert_read_or_refused(picture_file(pixels, *kinds[index % len(kinds)], rng))


@pytest.mark.parametrize("seeds", [2, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (2, 2), (9, 256), (256, 9), (65, 64)])
def test_frames_within_frames_are_read_or_refused(shape: tuple[int, int], seeds: int) -> None:
    """An erosion of them leaves nothing."""
    for content in CONTENTS:
        for seed in range(seeds):
            picture = content(shape, np.random.default_rng(seed))
            assert_read_or_refused(encode(picture))
            assert_read_or_refused(encode(255 - picture))
