"""A picture becomes an MNIST image: centre(fit(crop(ink(decode(picture))))).

MNIST's digits were made by a fixed geometry: the ink's longer side is 20 pixels, and the image of 28 x 28 is placed so
that its centre of mass is at pixel 14.0. A network trained on them reads nothing else well: only resized, the same
digits are read right one time in five.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import pyspng
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from app.errors import BlankPicture, InvalidRequest, TooManyPixels, UnsupportedPicture

T = TypeVar("T", bound=np.generic)
Grey = NDArray[np.uint8]  # (H, W), as it looks: 0 black, 255 white
Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = full ink, whatever the picture's colours
Image = NDArray[np.uint8]  # (28, 28), 0 = paper, 255 = ink, of MNIST's geometry

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bit depth, colour type (grey, RGB, RGBA), compression, filter, interlace: as they stand in the header.
PNG_PLAIN = {b"\x08\x00\0\0\0", b"\x08\x02\0\0\0", b"\x08\x06\0\0\0"}
PNG_OF_MNIST = PNG_SIGNATURE + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 28, 28, 8, 0, 0, 0, 0)
PNG_HARMLESS = {
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"sRGB",
    b"gAMA",
    b"cHRM",
    b"iCCP",
    b"pHYs",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"tIME",
}
DAMAGED, MOST_CHUNKS = b"damaged", 1000  # Chromium writes a large canvas in chunks of 8 kB
CHUNK, CHECKSUM, WIDTH_HEIGHT = struct.Struct(">I4s"), struct.Struct(">I"), struct.Struct(">II")

SIZE = 28
LONGER_SIDE = 20  # of the ink's box
CENTRE_OF_MASS = 14.0  # MNIST's, in pixel indices; 13.5 costs a point

# (784, 3), in float32, in which these sums of bytes are exact
ONES_ROWS_COLUMNS = (
    np.stack([np.ones((SIZE, SIZE)), *np.mgrid[:SIZE, :SIZE]], axis=-1).reshape(-1, 3).astype(np.float32)
)

LONGEST_SIDE = 1024  # larger pictures are reduced to it first: a digit of a twentieth of it still has 50 pixels
COLOURFUL = 1.5  # how much more a colour must vary than the brightness does to be read instead of it
FULL_INK = 254  # MNIST's own digits end at 254 or 255
MIN_CONTRAST = 24  # of 255, between paper and ink: less is a blank page and its noise
EVEN = 12  # of 255: a border that varies less is of one paper
TINY = 20  # longer side: so few pixels have one light
NEARLY, MOSTLY = 10, 0.85  # even paper: this share of it within this many grey values, or per cent of the contrast
PAPER_SIDE = 192  # the paper's brightness is found on a copy of this size
PAPER_WINDOW = 0.5  # of its longer side: in it less than half must be ink
WIDEST_STROKE, NARROW_STROKE = 0.2, 0.1  # of its longer side: the widest there are, and what tells ink's polarity
EDGES_FROM, INSIDE = 64, 0.15  # from this size on, what the edge cuts goes if a part inside has this share of its ink
DARKEST_PAPER = 40  # of 255: in deeper shadow nothing can be told
LIGHT_INK = 2  # light ink on dark paper must stand out by more: paper is mostly light
FULL_INK_QUANTILE = 0.998  # of a photo's pixels: what is darker is a speck
LINES_FROM, LINES_SIDE = 96, 320  # widths: no lines in smaller pictures; they are looked for in a copy of this size
STEEPEST = 0.14  # slope of a paper held askew by 8 degrees
SLOPES = np.linspace(-STEEPEST, STEEPEST, 29).tolist()
LINE_COVERS = 0.8  # of the picture's width
LINE_THICKNESS = 0.02  # of the picture's longer side: what is thicker was drawn with the pen
SPECK, STRONG = 0.04, 128  # a speck's share of the largest part's strong ink
THINNEST = 1.8  # a stroke's width in pixels of the finished image; MNIST's own are 2 to 4
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

BOX_LEVEL = 48  # of 255: fainter ink (soft edges, JPEG's ringing) is kept, but does not widen the box

Pillow.MAX_IMAGE_PIXELS = None  # `open_picture` has its own limit, checked before anything is decoded
warnings.filterwarnings("ignore", module=r"PIL\.")  # what is odd about a caller's file is not for our log


class PlainPng(NamedTuple):
    """A PNG of 8 bits in grey, RGB or RGBA and nothing more: libspng decodes it several times faster."""

    content: bytes
    width: int
    height: int


Picture = PlainPng | Pillow.Image  # opened: the size is known, nothing is decoded


def open_picture(content: bytes, max_pixels: int) -> Picture:
    """Reads the header alone. Raises `InvalidRequest`, `UnsupportedPicture` or `TooManyPixels`."""
    if not content:
        raise InvalidRequest("The picture is empty: send the bytes of a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    picture = plain_png(content) or open_with_pillow(content)
    width, height = picture.width, picture.height
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels, more than the {max_pixels:,} we take: send a smaller one."
        )
    return picture


def read_mnist_png(content: bytes) -> Image | None:
    """An MNIST image that was saved as a plain PNG, as it is; None for every other picture.

    The picture that is sent most, by its shortest way: the same as `to_mnist(open_picture(content))`.
    """
    if content[:29] != PNG_OF_MNIST or chunks_of(content) != [b"IHDR", b"IDAT", b"IEND"]:
        return None
    try:
        pixels: Grey = pyspng.load(content)
    except RuntimeError:  # to be told on the long way
        return None
    return pixels if is_mnist(pixels) else None


def plain_png(content: bytes) -> PlainPng | None:
    """The file as `PlainPng` if its header and its chunks say so. Format: PNG (Third Edition), sections 5 and 11."""
    if (
        content[:8] != PNG_SIGNATURE
        or content[24:29] not in PNG_PLAIN
        or not PNG_HARMLESS.issuperset(chunks_of(content))
    ):
        return None
    return PlainPng(content, *WIDTH_HEIGHT.unpack_from(content, 16))


def chunks_of(png: bytes) -> list[bytes]:
    """The types of a PNG's chunks; with `DAMAGED` at the end where one is, where there are too many, or no IEND.

    libspng does not look at their checksums.
    """
    chunks: list[bytes] = []
    position = 8
    while chunks[-1:] != [b"IEND"]:
        try:
            length, kind = CHUNK.unpack_from(png, position)
            end = position + 8 + length
            (checksum,) = CHECKSUM.unpack_from(png, end)
        except struct.error:  # it ends too early
            return [*chunks, DAMAGED]
        if zlib.crc32(png[position + 4 : end]) != checksum or len(chunks) == MOST_CHUNKS:
            return [*chunks, DAMAGED]
        chunks.append(kind)
        position = end + 4
    return chunks


def open_with_pillow(content: bytes) -> Pillow.Image:
    try:
        return Pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture(
            "The bytes are no picture of a format we read: send PNG, JPEG, WebP, BMP, GIF or TIFF."
        ) from error


def to_mnist(picture: Picture) -> Image:
    """The whole way from an opened picture. Raises `UnsupportedPicture` or `BlankPicture`."""
    return prepare(decode(picture))


def prepare(brightness: Grey) -> Image:
    """The way after decoding. Training's pictures take it too. Raises `BlankPicture`."""
    for same in (brightness, np.asarray(cv2.bitwise_not(brightness), np.uint8)):
        if is_mnist(same):
            return same
    strokes = ink(brightness)
    if is_mnist(strokes):
        return strokes
    return centre(fit(thick_enough(crop(without_specks(strokes)))))


def decode(picture: Picture, longest_side: int = LONGEST_SIDE) -> Grey:
    """The first frame, upright as its EXIF says, transparency on paper, no side longer than `longest_side`.

    Raises `UnsupportedPicture` if damaged.
    """
    if isinstance(picture, PlainPng):
        try:
            return grey_of_pixels(reduced(pyspng.load(picture.content), longest_side))
        except RuntimeError:  # damaged: Pillow decides whether enough of it is left
            picture = open_with_pillow(picture.content)
    return decode_with_pillow(picture, longest_side)


def grey_of_pixels(pixels: NDArray[np.uint8]) -> Grey:
    """(H, W), (H, W, 3) in RGB or (H, W, 4) in RGBA -> brightness."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return grey_of_colours(pixels)
    return on_paper(grey_of_colours(pixels[:, :, :3]), pixels[:, :, 3])


def grey_of_colours(pixels: NDArray[np.uint8]) -> Grey:
    """(H, W, 3) in RGB -> brightness, or one colour's where the ink shows far better in it: yellow on white in blue."""
    brightness = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    _, by_colour = cv2.meanStdDev(pixels)
    best = int(by_colour.argmax())
    if by_colour[best, 0] <= COLOURFUL * cv2.meanStdDev(brightness)[1][0, 0]:
        return brightness
    return np.ascontiguousarray(pixels[:, :, best])


def decode_with_pillow(picture: Pillow.Image, longest_side: int) -> Grey:
    try:
        side = longest_side // 2 + longest_side // 6
        picture.draft(None, (side, side))  # a JPEG is decoded at 1/2 to 1/8 where enough
        picture.load()
        turn_upright(picture)
        return grey(picture, longest_side)
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture("The picture is damaged or incomplete: send it again, or save it anew.") from error


def turn_upright(picture: Pillow.Image) -> None:
    """As its EXIF says. A damaged EXIF block is no reason to refuse good pixels."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)


def grey(picture: Pillow.Image, longest_side: int) -> Grey:
    """Any mode of Pillow's -> brightness."""
    if picture.mode.startswith("I;16"):
        return reduced((np.asarray(picture) >> 8).astype(np.uint8), longest_side)
    if picture.mode in ("I", "F"):
        return reduced(stretched(np.asarray(picture, np.float64)), longest_side)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return grey_of_pixels(reduced(np.asarray(picture), longest_side))


def stretched(values: NDArray[np.float64]) -> Grey:
    """Numbers of an unknown range (32-bit TIFF) -> 0 to 255."""
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / (high - low or 1)))
    return scaled.astype(np.uint8)


def on_paper(brightness: Grey, alpha: NDArray[np.uint8]) -> Grey:
    """Transparent parts become white paper, or black where white would swallow a light ink."""
    if alpha.min() == 255:
        return brightness
    on_black = np.asarray(cv2.multiply(brightness, alpha, scale=1 / 255), np.uint8)
    on_white = np.asarray(cv2.add(on_black, cv2.bitwise_not(alpha)), np.uint8)
    return on_black if on_white.min() > 255 - MIN_CONTRAST else on_white


def reduced(pixels: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """No side longer than `longest_side`."""
    height, width = pixels.shape[:2]
    factor = longest_side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def ink(picture: Grey) -> Ink:
    """What differs from the paper. Raises `BlankPicture`."""
    edge = border(picture)
    paper = int(np.median(edge))
    if paper - int(edge.min()) <= EVEN and int(edge.max()) - paper <= EVEN:
        return ink_on_even_paper(picture, paper)
    even = even_paper(picture)
    strokes = ink_on_uneven_paper(picture) if even is None else ink_on_even_paper(picture, even)
    strokes = without_lines(strokes)
    if int(strokes.max()) <= BOX_LEVEL:  # there were lines alone
        raise blank()
    return strokes


def border(picture: NDArray[T]) -> NDArray[T]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def ink_on_even_paper(picture: Grey, paper: int) -> Ink:
    """Ink is what differs from the paper most, be it darker or lighter."""
    darker, lighter = paper - int(picture.min()), int(picture.max()) - paper
    if max(darker, lighter) < MIN_CONTRAST:
        raise blank()
    away = (paper, picture) if darker > lighter else (picture, paper)
    return strengthened(np.asarray(cv2.subtract(*away), np.uint8))


def even_paper(picture: Grey) -> int | None:
    """The paper's brightness where ink reaches the edge of even paper; None if the paper is uneven.

    Two tones, the greater and outer of which is paper. A tone that is no stroke but an area is a shadow.
    """
    bright = np.asarray(cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)[1], np.uint8)
    light_paper = float(bright.mean()) + float(border(bright).mean()) > 255
    inked = np.asarray(cv2.bitwise_not(bright), np.uint8) if light_paper else bright
    if not cv2.countNonZero(inked):
        return None
    sheet = picture[inked == 0]
    paper = float(np.median(sheet))
    if max(picture.shape) > TINY:
        contrast = abs(paper - float(np.median(picture[inked > 0])))
        near = np.count_nonzero(np.abs(sheet - paper) < max(NEARLY, NEARLY / 100 * contrast))
        widest = max(picture.shape) // 4
        if near < MOSTLY * sheet.size or cv2.countNonZero(cv2.erode(inked, np.ones((widest, widest), np.uint8))):
            return None
    return round(paper)


def blank() -> BlankPicture:
    return BlankPicture("The picture has no ink on it: send one with a digit drawn on it.")


def ink_on_uneven_paper(picture: Grey) -> Ink:
    """A photo's, a noisy picture's, or of a drawing that reaches the edge: against the paper around each place."""
    if is_light_on_dark(picture):
        picture = np.asarray(cv2.bitwise_not(picture), np.uint8)
    paper = paper_of(picture)
    # What the paper throws back: the same ink in the shadow and in the light.
    share = np.asarray(cv2.divide(cv2.subtract(paper, picture), np.maximum(paper, DARKEST_PAPER), scale=255), np.uint8)
    full = int(np.quantile(share, FULL_INK_QUANTILE))
    noise = 1.5 * float(np.median(share))
    if full < max(MIN_CONTRAST, 2 * noise):
        raise blank()
    weakest = min(max(0.12 * full, 2.5 * noise), 0.5 * full)
    gain = 255 / max(1.0, 0.9 * full - weakest)
    strokes = np.clip((share.astype(np.float32) - weakest) * gain, 0, 255).astype(np.uint8)
    return strengthened(within_the_edges(strokes))


def within_the_edges(strokes: Ink) -> Ink:
    """Without what the picture's edge cuts, a dark corner or a table's edge, where enough ink lies inside."""
    if max(strokes.shape) < EDGES_FROM:
        return strokes
    inked = cv2.threshold(strokes, BOX_LEVEL, 255, cv2.THRESH_BINARY)[1]
    n, labels = cv2.connectedComponents(inked, connectivity=8, ltype=cv2.CV_32S)
    areas = np.bincount(labels[strokes > STRONG], minlength=n)
    cut = np.zeros(n, bool)
    cut[np.unique(border(labels))] = True
    cut[0] = False
    inside = areas[1:][~cut[1:]]
    if not cut.any() or not len(inside) or inside.max() < INSIDE * areas[cut].max():
        return strokes
    gone = np.where(cut, np.uint8(255), np.uint8(0))[labels]
    return np.asarray(cv2.bitwise_and(strokes, cv2.bitwise_not(cv2.dilate(gone, np.ones((5, 5), np.uint8)))), np.uint8)


def is_light_on_dark(picture: Grey) -> bool:
    """What stands out from its surroundings' median and is no wider than a stroke: more of it light than dark?"""
    small = np.ascontiguousarray(reduced(picture, PAPER_SIDE))
    usual, stroke = usual_around(small), stroke_kernel(small, NARROW_STROKE)
    dark = cv2.min(cv2.subtract(usual, small), cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, stroke))
    light = cv2.min(cv2.subtract(small, usual), cv2.morphologyEx(small, cv2.MORPH_TOPHAT, stroke))
    energy_of_dark, energy_of_light = (float(np.square(each, dtype=np.float32).sum()) for each in (dark, light))
    return energy_of_light > LIGHT_INK * energy_of_dark


def usual_around(picture: Grey) -> Grey:
    """The median of a wide window around each pixel: the paper, where less than half of it is ink."""
    window = min(255, max(3, int(PAPER_WINDOW * max(picture.shape)))) | 1
    return np.asarray(cv2.medianBlur(picture, window), np.uint8)


def stroke_kernel(picture: Grey, widest: float) -> NDArray[np.uint8]:
    side = max(15, round(widest * max(picture.shape))) | 1
    return np.ones((side, side), np.uint8)


def paper_of(picture: Grey) -> Grey:
    """The paper's brightness behind dark ink, found on a small copy.

    Two guesses, the darker of which is taken, since each is too bright somewhere: the median of what is around, beside
    a shadow's edge; and the picture with all filled that is as narrow as a stroke, where light falls off to the border.
    """
    height, width = picture.shape
    small = np.ascontiguousarray(reduced(picture, PAPER_SIDE))
    filled = cv2.morphologyEx(small, cv2.MORPH_CLOSE, stroke_kernel(small, WIDEST_STROKE))
    paper = cv2.blur(cv2.min(usual_around(small), filled), (3, 3))
    return np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def without_lines(strokes: Ink) -> Ink:
    """Ruled and squared paper's lines removed: those that cross the picture, level or upright."""
    level, upright = level_lines(strokes), level_lines(np.ascontiguousarray(strokes.T))
    if level is None and upright is None:
        return strokes
    nothing = np.zeros_like(strokes)
    level = nothing if level is None else level
    upright = nothing if upright is None else np.ascontiguousarray(upright.T)
    rest = np.asarray(cv2.bitwise_and(strokes, cv2.bitwise_not(cv2.bitwise_or(level, upright))), np.uint8)
    # A stroke that goes on at both sides of a line is mended.
    across_level = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((thickness(level) + 2, 3), np.uint8))
    across_upright = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((3, thickness(upright.T) + 2), np.uint8))
    mended = cv2.max(cv2.min(across_level, level), cv2.min(across_upright, upright))
    return np.asarray(cv2.max(rest, cv2.min(mended, strokes)), np.uint8)


def level_lines(strokes: Ink) -> Ink | None:
    """Where the lines are that run from left to right, 255 there; None if there are none.

    Such a line inks nearly every column, sheared by its slope it lies in one row.
    """
    height, width = strokes.shape
    if width < LINES_FROM or not (reaches(strokes[:, :2]) and reaches(strokes[:, -2:])):
        return None
    small = reduced(strokes, LINES_SIDE)
    rows, columns = small.shape
    y, x = np.nonzero(small[:, ::2] > BOX_LEVEL)  # every other column tells enough
    if len(y) > small.size // 4:
        return None
    across, down = 2 * x.astype(np.float32), y.astype(np.float32)
    margin = int(columns * STEEPEST) + 1
    counts = [
        np.bincount((down + margin - slope * (across - columns / 2)).astype(np.intp), minlength=rows + 2 * margin)[
            margin:-margin
        ]
        for slope in SLOPES
    ]
    best = max(range(len(SLOPES)), key=lambda i: int(np.square(counts[i]).sum()))
    if (counts[best][1:] + counts[best][:-1]).max() < LINE_COVERS * columns / 2:  # a line may lie between two rows
        return None
    mask = np.where(small > BOX_LEVEL, np.uint8(255), np.uint8(0))
    # A line that is not quite straight, or leans a little otherwise than most, still fills a gap of a pixel.
    mask = np.asarray(cv2.dilate(mask, np.ones((2, 3), np.uint8)), np.uint8)
    found = np.zeros_like(mask)
    for slope in SLOPES[max(0, best - 1) : best + 2]:
        found |= np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, line_kernel(columns // 2, slope)), np.uint8)
    wide = max(3, round(LINE_THICKNESS * max(rows, columns)))
    stroke = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    found[cv2.dilate(stroke, np.ones((3, 3), np.uint8)) > BOX_LEVEL] = 0  # no line is that thick
    grown = cv2.resize(cv2.dilate(found, np.ones((3, 1), np.uint8)), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown, np.uint8)


def reaches(edge: Ink) -> bool:
    return bool((edge > BOX_LEVEL).any())


def line_kernel(length: int, slope: float) -> NDArray[np.uint8]:
    rise = round(abs(slope) * length)
    kernel = np.zeros((rise + 1, length), np.uint8)
    ends = ((0, 0), (length - 1, rise)) if slope > 0 else ((0, rise), (length - 1, 0))
    return np.asarray(cv2.line(kernel, *ends, (1,), 1), np.uint8)


def thickness(lines: Ink) -> int:
    """Of level lines, in rows."""
    starts = int(np.count_nonzero(np.diff(lines.astype(np.int16), axis=0, prepend=0) > 0))
    return round(np.count_nonzero(lines) / max(1, starts))


def without_specks(strokes: Ink) -> Ink:
    """Parts that are tiny beside the largest are dust and noise; where there are such, all around the rest goes."""
    top, bottom, left, right = box(strokes, level=BOX_LEVEL)
    strokes = strokes[top:bottom, left:right]
    inked = cv2.threshold(strokes, BOX_LEVEL, 255, cv2.THRESH_BINARY)[1]
    n, labels = cv2.connectedComponents(inked, connectivity=8, ltype=cv2.CV_32S)
    if n <= 2:
        return strokes
    areas = np.bincount(labels[strokes > STRONG], minlength=n)  # of their strong ink: a shadow's rest has little
    kept = areas >= SPECK * areas.max()
    kept[0] = False
    if kept.sum() == n - 1:
        return strokes
    mask = np.where(kept, np.uint8(255), np.uint8(0))[labels]
    return np.asarray(cv2.bitwise_and(strokes, cv2.dilate(mask, np.ones((5, 5), np.uint8))), np.uint8)


def thick_enough(strokes: Ink, longer_side: float | None = None) -> Ink:
    """A pen so thin that it would vanish when the digit is made small is thickened first, all around.

    `longer_side` is that of one digit, where there are several.
    """
    factor = LONGER_SIDE / (longer_side or max(strokes.shape))
    if factor > 0.5:
        return strokes
    inked = cv2.threshold(strokes, BOX_LEVEL, 255, cv2.THRESH_BINARY)[1]
    inked = cv2.morphologyEx(inked, cv2.MORPH_CLOSE, CROSS)  # a dithered stroke is one stroke
    edge = cv2.subtract(inked, cv2.erode(inked, CROSS))
    width = 2 * cv2.countNonZero(inked) / max(1, cv2.countNonZero(edge))
    by = round(THINNEST / factor - width)
    if by < 1:
        return strokes
    around = by // 2 + 1
    roomy = cv2.copyMakeBorder(strokes, around, around, around, around, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.dilate(roomy, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by + 1, by + 1))), np.uint8)


def strengthened(strokes: Ink) -> Ink:
    """The darkest ink becomes full ink, unless it nearly is."""
    peak = int(strokes.max())
    return strokes if peak >= FULL_INK else np.asarray(cv2.convertScaleAbs(strokes, alpha=255 / peak), np.uint8)


def is_mnist(picture: Grey | Ink) -> bool:
    """Whether it is an MNIST image already: ink bright on 0, of MNIST's size and geometry to the pixel."""
    if picture.shape != (SIZE, SIZE):
        return False
    _, _, width, height = cv2.boundingRect(picture)
    # 13 of its 60,000 training digits are 19 pixels long
    if not LONGER_SIDE - 1 <= max(width, height) <= LONGER_SIDE:
        return False
    pixels = picture.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:  # FULL_INK
        return False
    # One product with the pixels' rows and columns: OpenCV's moments, of a higher order too, take twice as long.
    mass, y, x = (picture.reshape(SIZE * SIZE) @ ONES_ROWS_COLUMNS).tolist()
    # MNIST moved its digits by whole pixels, so their centres of mass are up to half a pixel off
    return bool(max(abs(y / mass - CENTRE_OF_MASS), abs(x / mass - CENTRE_OF_MASS)) <= 0.52)


def crop(strokes: Ink) -> Ink:
    """The ink's box."""
    top, bottom, left, right = box(strokes, level=BOX_LEVEL)
    return strokes[top:bottom, left:right]


def box(strokes: Ink, level: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right (ends exclusive) of the pixels above `level`."""
    x, y, width, height = cv2.boundingRect(cv2.threshold(strokes, level, 255, cv2.THRESH_BINARY)[1])
    return y, y + height, x, x + width


def fit(strokes: Ink) -> Ink:
    """The longer side becomes 20 pixels, the other keeps the shape."""
    height, width = strokes.shape
    factor = LONGER_SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return strengthened(np.asarray(cv2.resize(strokes, size, interpolation=how), np.uint8))


def centre(strokes: Ink) -> Image:
    """On an empty 28 x 28 image, moved by whole pixels, as MNIST did, so that the mass is at 14.0, 14.0."""
    height, width = strokes.shape
    y, x = centre_of_mass(strokes)
    # a lopsided digit stops at the image's edge and is not cut off
    top = min(max(round(CENTRE_OF_MASS - y), 0), SIZE - height)
    left = min(max(round(CENTRE_OF_MASS - x), 0), SIZE - width)
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + height, left : left + width] = strokes
    return image


def centre_of_mass(strokes: Ink) -> tuple[float, float]:
    """Row and column, in pixel indices."""
    moments = cv2.moments(strokes)
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]
