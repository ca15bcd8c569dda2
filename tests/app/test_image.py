"""Pictures become MNIST images."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app import decoding, image
from app.errors import BlankPicture, InvalidRequest, TooManyPixels, UnsupportedPicture
from tests.app.conftest import encode
from training.data import Digits

MAX_PIXELS = 50_000_000


def read(content: bytes) -> image.Image:
    return image.to_mnist(decoding.open_picture(content, MAX_PIXELS))


def sheet_with_box(top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    """A white sheet of 100 x 120 with a black rectangle."""
    sheet = np.full((100, 120), 255, np.uint8)
    sheet[top : top + height, left : left + width] = 0
    return sheet


def enlarged(seven: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A seven of 280 x 280, black on white."""
    return 255 - np.asarray(cv2.resize(seven, (280, 280), interpolation=cv2.INTER_CUBIC), np.uint8)


def assert_same_digit(seen: image.Image, seven: NDArray[np.uint8], tolerance: float = 12) -> None:
    """The mean difference of two different digits is about 45 of 255, of one pixel's shift about 25."""
    assert np.abs(seen.astype(int) - seven).mean() < tolerance


def test_every_mnist_test_digit_passes_unchanged_in_either_polarity(test_digits: Digits) -> None:
    for digit in test_digits.images:
        assert np.array_equal(read(encode(digit)), digit)
        assert np.array_equal(read(encode(255 - digit)), digit)


def test_longer_side_of_the_ink_becomes_20_pixels() -> None:
    seen = read(encode(sheet_with_box(10, 20, 60, 30)))
    rows, columns = np.nonzero(seen.max(axis=1))[0], np.nonzero(seen.max(axis=0))[0]
    assert len(rows) == 20
    assert len(columns) == 10


def test_centre_of_mass_lands_on_pixel_14() -> None:
    lopsided = sheet_with_box(10, 20, 60, 10)
    lopsided[60:70, 20:60] = 0  # an L
    y, x = image.centre_of_mass(read(encode(lopsided)))
    assert abs(y - 14.0) <= 0.5
    assert abs(x - 14.0) <= 0.5


def test_place_on_the_sheet_does_not_matter(seven: NDArray[np.uint8]) -> None:
    seen = []
    for top, left in ((0, 0), (20, 120), (10, 60)):
        sheet = np.full((300, 400), 255, np.uint8)
        sheet[top : top + 280, left : left + 280] = enlarged(seven)
        seen.append(read(encode(sheet)))
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0], seen[2])
    assert_same_digit(seen[0], seven)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_every_format_is_read(kind: str, seven: NDArray[np.uint8]) -> None:
    assert_same_digit(read(encode(enlarged(seven), kind)), seven)


def in_mode(picture: NDArray[np.uint8], mode: str) -> Image.Image:
    """The black on white picture in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(picture.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(picture.astype(np.int32) * 1000)
    if mode == "F":
        return Image.fromarray(picture.astype(np.float32) / 255)
    return Image.fromarray(picture).convert(mode)


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
    assert_same_digit(read(file.getvalue()), seven)


def transparent(seven: NDArray[np.uint8], ink: int, paper: int) -> bytes:
    """Ink of one brightness whose alpha is the stroke, over invisible pixels of another brightness."""
    stroke = 255 - enlarged(seven)
    brightness = np.where(stroke > 0, ink, paper).astype(np.uint8)
    return encode(np.dstack([brightness] * 3 + [stroke]))


@pytest.mark.parametrize("paper", [0, 255])
def test_black_ink_on_transparency_is_read_whatever_is_under_it(paper: int, seven: NDArray[np.uint8]) -> None:
    assert_same_digit(read(transparent(seven, 0, paper)), seven)


def test_white_ink_on_transparency_is_read(seven: NDArray[np.uint8]) -> None:
    assert_same_digit(read(transparent(seven, 255, 0)), seven)


def test_palette_with_a_transparent_colour_is_read(seven: NDArray[np.uint8]) -> None:
    picture = Image.fromarray(255 - enlarged(seven)).point(lambda value: 255 * (value > 127)).convert("P")
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0)  # the paper's index: only white ink is left
    assert_same_digit(read(file.getvalue()), seven, tolerance=20)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_rotation_is_undone(orientation: int, seven: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    how_the_camera_held_it: dict[int, Any] = {
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    stored = np.ascontiguousarray(how_the_camera_held_it[orientation](enlarged(seven)))
    assert_same_digit(read(encode(stored, "JPEG", exif=exif)), seven)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says what is odd about it; the service does not
def test_damaged_exif_does_not_spoil_good_pixels(seven: NDArray[np.uint8]) -> None:
    broken = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12"
    assert_same_digit(read(encode(enlarged(seven), "JPEG", exif=broken)), seven)


def test_large_photo_is_read(seven: NDArray[np.uint8]) -> None:
    photo = np.full((3000, 4000), 230, np.uint8)
    photo[1200:1760, 2000:2560] = np.minimum(230, cv2.resize(enlarged(seven), (560, 560)))
    assert_same_digit(read(encode(photo, "JPEG")), seven)


def test_tiny_picture_is_enlarged(seven: NDArray[np.uint8]) -> None:
    tiny = cv2.resize(seven, (14, 14), interpolation=cv2.INTER_AREA)
    assert_same_digit(read(encode(tiny)), seven, tolerance=20)


def test_faint_pencil_becomes_full_ink(seven: NDArray[np.uint8]) -> None:
    faint = (220 - (255 - enlarged(seven)) * 0.3).astype(np.uint8)
    seen = read(encode(faint))
    assert seen.max() == 255
    assert_same_digit(seen, seven)


def test_grey_paper_is_no_ink(seven: NDArray[np.uint8]) -> None:
    for paper in (90, 128, 170):
        darker = (enlarged(seven) * (paper / 255)).astype(np.uint8)
        assert_same_digit(read(encode(darker)), seven)
        assert_same_digit(read(encode(255 - darker)), seven)


def test_first_frame_of_an_animation_is_read(seven: NDArray[np.uint8]) -> None:
    frames = [Image.fromarray(enlarged(seven)), Image.fromarray(np.zeros((280, 280), np.uint8))]
    for kind in ("GIF", "TIFF"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        assert_same_digit(read(file.getvalue()), seven)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_picture_is_refused(value: int) -> None:
    with pytest.raises(BlankPicture):
        read(encode(np.full((100, 100), value, np.uint8)))


def test_noise_of_a_blank_page_is_no_ink() -> None:
    noise = np.random.default_rng(0).normal(200, 3, (100, 100)).clip(0, 255).astype(np.uint8)
    with pytest.raises(BlankPicture):
        read(encode(noise))


def test_fully_transparent_picture_is_blank() -> None:
    with pytest.raises(BlankPicture):
        read(encode(np.zeros((50, 50, 4), np.uint8)))


def test_empty_file_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        read(b"")


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n and then words", b"<svg/>", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedPicture):
        read(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_truncated_picture_is_refused(kind: str, seven: NDArray[np.uint8]) -> None:
    content = encode(enlarged(seven), kind)
    with pytest.raises(UnsupportedPicture):
        read(content[: len(content) // 2])


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that claims to be as large as one likes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(4_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def test_decompression_bomb_is_refused_by_its_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    bomb = png_of_size(50_000, 50_000)
    assert len(bomb) < 8_000
    with pytest.raises(TooManyPixels, match="50000 x 50000"):
        decoding.open_picture(bomb, MAX_PIXELS)


def test_wide_and_narrow_pictures_keep_their_shape() -> None:
    assert read(encode(sheet_with_box(50, 5, 4, 110))).max(axis=1).astype(bool).sum() == 1
    assert read(encode(sheet_with_box(5, 50, 90, 3))).max(axis=0).astype(bool).sum() == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_damaged_png_is_read_for_what_it_was_or_refused(
    mode: str, seven: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    """Bits turned and tails cut off at random: what is read of it is either refused or what Pillow makes of it."""
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    in_mode(seven, mode).save(file, "PNG")
    whole = file.getvalue()
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(8, len(whole))] ^= 1 << rng.integers(8)
        damaged = bytes(content[: rng.integers(8, 2 * len(whole))])
        try:
            seen = read(damaged)
        except (UnsupportedPicture, BlankPicture, TooManyPixels):
            refused += 1
            continue
        assert np.array_equal(seen, seven) or np.array_equal(seen, as_pillow_reads(damaged))
    assert refused > 200
    assert capfd.readouterr() == ("", "")  # libpng would have told our log


def as_pillow_reads(content: bytes) -> image.Image:
    return image.to_mnist(decoding.open_with_pillow(content))


def test_mnist_png_takes_the_short_way_and_nothing_else_does(seven: NDArray[np.uint8]) -> None:
    assert np.array_equal(image.read_mnist_png(encode(seven)), seven)  # type: ignore[arg-type]
    assert image.read_mnist_png(encode(255 - seven)) is None
    assert image.read_mnist_png(encode(np.roll(seven, 3, axis=1))) is None
    assert image.read_mnist_png(encode(enlarged(seven))) is None
    assert image.read_mnist_png(encode(seven)[:-20]) is None
    for at in range(33, len(encode(seven))):  # in its data, in a checksum, in the end
        damaged = bytearray(encode(seven))
        damaged[at] ^= 1
        assert image.read_mnist_png(bytes(damaged)) is None


def test_ruled_paper_without_ink_is_blank() -> None:
    paper = np.full((200, 300), 220, np.uint8)
    paper[20::25] = 90
    with pytest.raises(BlankPicture):
        read(encode(paper))


def test_a_large_picture_of_noise_is_read_as_something() -> None:
    """Of more parts than 16 bits count."""
    dots = np.random.default_rng(0).random((1000, 1000)) < 0.2
    assert read(encode(np.where(dots, np.uint8(255), np.uint8(0)))).shape == (28, 28)


def written(paper: NDArray[np.float64], seven: NDArray[np.uint8], darkness: float = 0.8) -> NDArray[np.uint8]:
    """A large seven in ink that takes this share of the light from the middle of the paper."""
    height, width = paper.shape
    stroke = np.zeros(paper.shape)
    top, left = (height - 280) // 2, (width - 280) // 2
    stroke[top : top + 280, left : left + 280] = cv2.resize(seven, (280, 280), interpolation=cv2.INTER_CUBIC) / 255
    return np.clip(paper * (1 - darkness * stroke), 0, 255).astype(np.uint8)


def lit_from_the_left() -> NDArray[np.float64]:
    return np.tile(np.linspace(240, 120, 600), (450, 1))


def with_the_shadow_of_a_hand() -> NDArray[np.float64]:
    paper = np.full((450, 600), 220.0)
    paper[:, 330:] *= 0.5
    return np.asarray(cv2.blur(paper, (5, 5)), np.float64)


def ruled() -> NDArray[np.float64]:
    paper = np.full((450, 600), 225.0)
    for row in range(12, 450, 40):
        paper[row : row + 3] = 130
    return paper


def squared_and_askew() -> NDArray[np.float64]:
    paper = ruled()
    for column in range(25, 600, 40):
        paper[:, column : column + 3] = 130
    turn = cv2.getRotationMatrix2D((300, 225), 3, 1.2)
    seen: NDArray[np.float64] = np.asarray(
        cv2.warpAffine(paper, turn, (600, 450), borderMode=cv2.BORDER_REFLECT), np.float64
    )
    return seen


def grainy() -> NDArray[np.float64]:
    return np.full((450, 600), 200.0) + np.random.default_rng(0).normal(0, 15, (450, 600))


@pytest.mark.parametrize("paper", [lit_from_the_left, with_the_shadow_of_a_hand, ruled, squared_and_askew, grainy])
def test_photo_of_a_digit_is_read_whatever_its_paper(paper: Any, seven: NDArray[np.uint8]) -> None:
    assert_same_digit(read(encode(written(paper(), seven), "JPEG")), seven, tolerance=16)


@pytest.mark.parametrize("paper", [lit_from_the_left, ruled])
def test_chalk_on_a_blackboard_is_read(paper: Any, seven: NDArray[np.uint8]) -> None:
    assert_same_digit(read(encode(255 - written(paper(), seven))), seven, tolerance=16)


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
    assert_same_digit(read(encode(picture.astype(np.uint8))), seven)


def test_specks_are_dropped(seven: NDArray[np.uint8]) -> None:
    sheet = np.full((400, 400), 255, np.uint8)
    sheet[60:340, 60:340] = enlarged(seven)
    for x, y in ((10, 20), (380, 30), (15, 370)):
        cv2.circle(sheet, (x, y), 3, (0,), -1)
    assert_same_digit(read(encode(sheet)), seven)


def test_thin_pen_leaves_a_stroke_as_wide_as_mnists() -> None:
    sheet = np.full((300, 300), 255, np.uint8)
    cv2.line(sheet, (60, 40), (240, 40), (0,), 2)
    cv2.line(sheet, (240, 40), (100, 260), (0,), 2)
    seen = read(encode(sheet))
    assert seen.max() == 255
    assert 1.5 < seen[16].astype(float).sum() / 255 < 4  # across the slanted stroke


def test_digit_that_fills_its_picture_to_the_edge_is_read(seven: NDArray[np.uint8]) -> None:
    x, y, width, height = cv2.boundingRect(seven)
    cut_out = seven[y : y + height, x : x + width]
    for picture in (cut_out, 255 - cut_out, 255 - cv2.resize(cut_out, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)):
        assert_same_digit(read(encode(np.asarray(picture, np.uint8))), seven)


@pytest.mark.parametrize(
    ("points", "width"),
    [
        ([(20, 20), (20, 260), (260, 260)], 40),
        ([(-9, -9), (289, 289)], 56),
        ([(140, 140), (289, 289)], 56),
    ],
    ids=["around a corner", "from corner to corner", "through a corner"],
)
def test_thick_drawing_that_fills_its_picture_is_read_as_with_paper_around(
    points: list[tuple[int, int]], width: int
) -> None:
    drawing = np.full((280, 280), 255, np.uint8)
    cv2.polylines(drawing, [np.array(points)], False, (0,), width, cv2.LINE_AA)
    around = np.pad(drawing, 70, constant_values=255)
    for seen, whole in ((drawing, around), (255 - drawing, 255 - around)):
        assert_same_digit(read(encode(seen)), read(encode(whole)), tolerance=2)


@pytest.mark.parametrize("width", [80, 150], ids=["narrow", "wide"])
@pytest.mark.parametrize("tone", [0, 110])
def test_dark_side_of_a_picture_is_no_ink(width: int, tone: int, seven: NDArray[np.uint8]) -> None:
    sheet = np.full((300, 500), 230, np.uint8)
    sheet[10:290, 210:490] = np.minimum(230, enlarged(seven))
    sheet[:, :width] = tone
    assert_same_digit(read(encode(sheet)), seven, tolerance=16)


@pytest.mark.parametrize("width", [140, 330], ids=["narrow", "wide"])
def test_shadow_that_reaches_the_digit_is_no_ink(width: int, seven: NDArray[np.uint8]) -> None:
    paper = np.full((450, 600), 220.0)
    paper[:, :width] *= 0.3
    assert_same_digit(read(encode(written(paper, seven, darkness=0.9))), seven, tolerance=16)


def test_8_by_8_pixels_are_enough(seven: NDArray[np.uint8]) -> None:
    small = cv2.resize(seven[4:24, 4:24], (8, 8), interpolation=cv2.INTER_AREA)
    assert_same_digit(read(encode(np.asarray(small, np.uint8))), seven, tolerance=25)
