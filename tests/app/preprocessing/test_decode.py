"""A picture file of any format is decoded as it looks, or refused."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from app.arrays import Image
from app.errors import BlankPicture, InvalidRequest, TooManyPixels, UnsupportedPicture
from app.preprocessing.decode import decode, open_picture, open_with_pillow
from app.preprocessing.normalize import to_image
from app.runtime import configure_runtime
from tests.support.generated_pictures import MODES, damaged, picture_file
from tests.support.pictures import (
    MAX_PIXELS,
    assert_alike,
    encode,
    enlarged,
    image_of,
    image_of_file,
    png_of_size,
    sheet,
)
from tests.support.tiff_files import CMYK, GREY, LAB, RGB, WHITE_IS_ZERO, tiff_file


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_every_format_is_read(kind: str, seven: NDArray[np.uint8]) -> None:
    assert_alike(image_of_file(encode(enlarged(seven), kind)), seven, tolerance=12)


def in_mode(picture: NDArray[np.uint8], mode: str) -> Pillow.Image:
    """The black on white picture in one of Pillow's modes."""
    if mode == "I;16":
        return Pillow.fromarray(picture.astype(np.uint16) * 257)
    if mode == "I":
        return Pillow.fromarray(picture.astype(np.int32) * 1000)
    if mode == "F":
        return Pillow.fromarray(picture.astype(np.float32) / 255)
    return Pillow.fromarray(picture).convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("LA", "PNG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "JPEG"),
        ("LAB", "TIFF"),
    ],
)
def test_every_mode_is_read(mode: str, kind: str, seven: NDArray[np.uint8]) -> None:
    file = io.BytesIO()
    in_mode(enlarged(seven), mode).save(file, kind)
    assert_alike(image_of_file(file.getvalue()), seven, tolerance=12)


def transparent(seven: NDArray[np.uint8], ink: int, paper: int) -> bytes:
    """Ink of one brightness whose alpha is the stroke, over invisible pixels of another brightness."""
    stroke = 255 - enlarged(seven)
    brightness = np.where(stroke > 0, ink, paper).astype(np.uint8)
    return encode(np.dstack([brightness] * 3 + [stroke]))


@pytest.mark.parametrize("paper", [0, 255])
def test_black_ink_on_transparency_is_read_whatever_is_under_it(paper: int, seven: NDArray[np.uint8]) -> None:
    assert_alike(image_of_file(transparent(seven, 0, paper)), seven, tolerance=12)


def test_white_ink_on_transparency_is_read(seven: NDArray[np.uint8]) -> None:
    assert_alike(image_of_file(transparent(seven, 255, 0)), seven, tolerance=12)


def test_palette_with_a_transparent_colour_is_read(seven: NDArray[np.uint8]) -> None:
    picture = Pillow.fromarray(255 - enlarged(seven)).point(lambda value: 255 * (value > 127)).convert("P")
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0)  # the paper's index: only white ink is left
    assert_alike(image_of_file(file.getvalue()), seven, tolerance=20)


def test_fully_transparent_picture_is_blank() -> None:
    with pytest.raises(BlankPicture):
        image_of(np.zeros((50, 50, 4), np.uint8))


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 255, 0), (255, 255, 255)),
        ((0, 160, 0), (230, 60, 60)),
        ((40, 60, 200), (250, 245, 230)),
        ((255, 120, 0), (20, 20, 90)),
    ],
    ids=["yellow on white", "green on red", "blue on cream", "orange on navy"],
)
def test_coloured_ink_on_coloured_paper_is_read(
    ink: tuple[int, int, int], paper: tuple[int, int, int], seven: NDArray[np.uint8]
) -> None:
    stroke = (255 - enlarged(seven))[..., np.newaxis] / 255
    picture = np.asarray(paper) * (1 - stroke) + np.asarray(ink) * stroke
    assert_alike(image_of(picture.astype(np.uint8)), seven, tolerance=12)


@pytest.mark.parametrize(
    "mark", [(255, 255, 0), (0, 255, 0), (0, 255, 255), (255, 165, 0), (255, 0, 255), (90, 255, 90)]
)
@pytest.mark.parametrize("is_stripe", [True, False], ids=["across the page", "around the digit"])
def test_black_ink_on_a_highlighters_mark_is_read(
    mark: tuple[int, int, int], is_stripe: bool, seven: NDArray[np.uint8]
) -> None:
    page = np.full((200, 260, 3), 255.0)
    page[30:170, 0 if is_stripe else 55 : 260 if is_stripe else 205] = mark
    page[44:156, 74:186] *= 1 - cv2.resize(seven, (112, 112), interpolation=cv2.INTER_CUBIC)[:, :, np.newaxis] / 255
    assert_alike(image_of_file(encode(page.astype(np.uint8))), seven, tolerance=22)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_rotation_is_undone(orientation: int, seven: NDArray[np.uint8]) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    stored_by_orientation: dict[int, Any] = {
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    stored = np.ascontiguousarray(stored_by_orientation[orientation](enlarged(seven)))
    assert_alike(image_of_file(encode(stored, "JPEG", exif=exif)), seven, tolerance=12)


def test_damaged_exif_does_not_spoil_good_pixels(seven: NDArray[np.uint8]) -> None:
    configure_runtime()  # else Pillow warns
    broken = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12"
    assert_alike(image_of_file(encode(enlarged(seven), "JPEG", exif=broken)), seven, tolerance=12)


def test_large_photo_is_read(seven: NDArray[np.uint8]) -> None:
    photo = np.full((3000, 4000), 230, np.uint8)
    photo[1200:1760, 2000:2560] = np.minimum(230, cv2.resize(enlarged(seven), (560, 560)))
    assert_alike(image_of_file(encode(photo, "JPEG")), seven, tolerance=12)


def test_first_frame_of_an_animation_is_read(seven: NDArray[np.uint8]) -> None:
    frames = [Pillow.fromarray(enlarged(seven)), Pillow.fromarray(np.zeros((280, 280), np.uint8))]
    for kind in ("GIF", "TIFF"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        assert_alike(image_of_file(file.getvalue()), seven, tolerance=12)


def test_empty_file_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        image_of_file(b"")


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n and then words", b"<svg/>", b"\xff\xd8\xff"])
def test_what_is_not_a_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedPicture):
        image_of_file(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_truncated_picture_is_refused(kind: str, seven: NDArray[np.uint8]) -> None:
    content = encode(enlarged(seven), kind)
    with pytest.raises(UnsupportedPicture):
        image_of_file(content[: len(content) // 2])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_damaged_png_is_read_as_it_was_or_refused(
    mode: str, seven: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    """A bit is flipped and the end cut off at random: it is refused, or read as it was or as Pillow decodes it."""
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    in_mode(seven, mode).save(file, "PNG")
    whole = file.getvalue()
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(8, len(whole))] ^= 1 << rng.integers(8)
        cut = bytes(content[: rng.integers(8, 2 * len(whole))])
        try:
            seen = image_of_file(cut)
        except (UnsupportedPicture, BlankPicture, TooManyPixels):
            refused += 1
            continue
        assert np.array_equal(seen, seven) or np.array_equal(seen, image_by_pillow(cut))
    assert refused > 200
    assert capfd.readouterr() == ("", "")  # libpng would write to the service's log


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_files_of_all_formats_are_read_or_refused(
    count: int, one_of_each: list[Image], capfd: pytest.CaptureFixture[str]
) -> None:
    configure_runtime()
    rng = np.random.default_rng(0)
    files = [
        picture_file(sheet(one_of_each[3])[::step, ::step], kind, mode, rng)
        for kind, modes in MODES.items()
        for mode in modes
        for step in (1, 7)
    ]
    for _ in range(count):
        with contextlib.suppress(InvalidRequest, UnsupportedPicture, BlankPicture, TooManyPixels):
            to_image(open_picture(damaged(files[rng.integers(len(files))], rng), 1_000_000))
    assert capfd.readouterr() == ("", "")  # the decoders would write to the service's log


def image_by_pillow(content: bytes) -> Image:
    return to_image(open_with_pillow(content))


def test_decompression_bomb_is_refused_by_its_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    bomb = png_of_size(50_000, 50_000)
    assert len(bomb) < 8_000
    with pytest.raises(TooManyPixels, match="50000 x 50000"):
        open_picture(bomb, MAX_PIXELS)


@pytest.mark.parametrize("size", [(70_000, 2), (2, 70_000)])
def test_a_side_of_more_pixels_than_a_jpeg_may_have_is_refused(size: tuple[int, int]) -> None:
    """For many short rows a decoder takes minutes."""
    with pytest.raises(TooManyPixels, match="65,535"):
        open_picture(png_of_size(*size), MAX_PIXELS)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_16_bits_those_in_use_are_read(bits: int, kind: str, one_of_each: list[Image]) -> None:
    values = sheet(one_of_each[2]).astype(np.uint16) << (bits - 8)
    file = io.BytesIO()
    Pillow.fromarray(values).save(file, kind)
    assert np.array_equal(image_of_file(file.getvalue()), image_of(sheet(one_of_each[2])))


# --- kinds that Pillow does not write ---------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [None, zlib.compress], ids=["raw", "deflate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("colours", "channels", "extra_samples"),
    [(RGB, 3, ()), (RGB, 4, ()), (RGB, 4, (2,)), (CMYK, 4, ()), (LAB, 3, ()), (GREY, 2, (2,))],
)
def test_a_tiff_with_separate_planes_is_read_as_with_one_or_refused(
    colours: int, channels: int, extra_samples: tuple[int, ...], dtype: Any, compress: Any
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (20, 30, channels), dtype, endpoint=True)
    planar, together = (
        tiff_file(pixels, colours, planar=planar, compress=compress, extra_samples=extra_samples)
        for planar in (True, False)
    )
    with contextlib.suppress(UnsupportedPicture):
        assert np.array_equal(decode(open_picture(planar, 1000)), decode(open_picture(together, 1000)))


@pytest.mark.parametrize(
    ("dtype", "compress", "is_read"),
    [(np.uint8, None, True), (np.uint16, zlib.compress, True), (np.uint16, None, False)],
)
def test_of_tiffs_with_separate_planes_those_that_pillow_misreads_are_refused(
    dtype: Any, compress: Any, is_read: bool
) -> None:
    content = tiff_file(np.ones((20, 30, 3), dtype), RGB, planar=True, compress=compress)
    with contextlib.nullcontext() if is_read else pytest.raises(UnsupportedPicture, match=r"TIFF picture .* as PNG"):
        open_picture(content, 1000)


@pytest.mark.parametrize("compress", [None, zlib.compress], ids=["raw", "deflate"])
@pytest.mark.parametrize("planar", [False, True], ids=["together", "separate"])
@pytest.mark.parametrize("width", [30, 1000])  # converted in pieces too
def test_a_tiff_whose_white_is_0_is_read_as_one_whose_black_is(compress: Any, width: int, *, planar: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, width, 1), np.uint8)
    negative = tiff_file(255 - pixels, WHITE_IS_ZERO, planar=planar, compress=compress)
    positive = tiff_file(pixels, GREY, planar=planar, compress=compress)
    assert np.array_equal(decode(open_picture(negative, 10**6)), decode(open_picture(positive, 10**6)))


def test_a_bilevel_tiff_whose_white_is_0_is_read_alike_with_its_plane_separate() -> None:
    ink = Pillow.effect_noise((40, 30), 90).point(lambda value: 255 * (value > 128), "1")
    together, separate = io.BytesIO(), io.BytesIO()
    ink.save(together, "TIFF", tiffinfo={262: WHITE_IS_ZERO, 284: 1})
    ink.save(separate, "TIFF", tiffinfo={262: WHITE_IS_ZERO, 284: 2})
    expected, read = (decode(open_picture(file.getvalue(), 10**6)) for file in (together, separate))
    assert np.array_equal(read, expected)


def bitmap_with_alpha(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bytes:
    """A BMP with the header of Windows (V5), which says where the alpha of a pixel is."""
    height, width = picture.shape
    pixels = np.dstack([picture] * 3 + [alpha])[::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII4I4s", 124, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0, *MASKS, b"BGRs")
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels), 0, 0, 138) + header.ljust(124, b"\0") + pixels


MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # red, green, blue, alpha


def test_a_bitmap_whose_alpha_is_nowhere_set_is_opaque(seven: NDArray[np.uint8]) -> None:
    page = enlarged(seven)
    assert np.array_equal(image_of_file(bitmap_with_alpha(page, np.zeros_like(page))), image_of(page))


def test_a_bitmap_with_alpha_is_transparent(seven: NDArray[np.uint8]) -> None:
    page = enlarged(seven)
    assert np.array_equal(image_of_file(bitmap_with_alpha(np.zeros_like(page), 255 - page)), image_of(page))
