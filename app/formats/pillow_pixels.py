"""Pillow's pixels become an array, piece by piece: NumPy's own way takes two more copies of the whole picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, TiffImagePlugin
from PIL import Image as Pillow

PIECE_PIXELS = 2**18
TIFF_BITS, TIFF_COMPRESSION, TIFF_COLOURS, TIFF_PLANES, TIFF_EXTRA_SAMPLES = 258, 259, 262, 284, 338
UNCOMPRESSED, SEPARATE, WHITE_IS_ZERO = 1, 2, 0
PIXEL_SHAPES: dict[str, tuple[int, ...]] = {"L": (), "RGB": (3,), "RGBA": (4,)}
Pixels = NDArray[np.uint8]  # (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA


def upright_pixels(picture: Pillow.Image) -> Pixels:
    """The pixels of a loaded picture in any of Pillow's modes, turned as its EXIF says."""
    convert = conversion(picture)
    turns = orientation(picture.getexif)
    width, height = picture.size
    if width * height <= PIECE_PIXELS:
        return np.ascontiguousarray(turned(convert(picture), turns))
    sides = (width, height) if turns >= 5 else (height, width)
    pixels = np.empty(sides + PIXEL_SHAPES[target_mode(picture)], np.uint8)
    stored = turned(pixels, {6: 8, 8: 6}.get(turns, turns))  # a view of `pixels` as the file has them
    for left, top, right, bottom in pieces(width, height):
        stored[top:bottom, left:right] = convert(picture.crop((left, top, right, bottom)))
    return pixels


def has_misread_planes(picture: Pillow.Image) -> bool:
    """Whether it is a TIFF with a plane for each channel that Pillow decodes wrongly, without an error."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile) or picture.tag_v2.get(TIFF_PLANES) != SEPARATE:
        return False
    if picture.tag_v2.get(TIFF_COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED:
        is_wide = max(picture.tag_v2.get(TIFF_BITS, (1,))) > 8
        return picture.mode == "LAB" or (is_wide and picture.mode in ("RGB", "RGBA", "CMYK"))
    return picture.mode in ("La", "LA", "PA", "LAB") or (
        picture.mode == "RGBA" and TIFF_EXTRA_SAMPLES not in picture.tag_v2
    )


def is_negative(picture: Pillow.Image) -> bool:
    """Whether it is a TIFF of which Pillow forgets that white is 0: one whose only plane is called separate."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile) or picture.mode not in ("1", "L"):
        return False
    tags = picture.tag_v2
    is_raw = tags.get(TIFF_COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED
    return is_raw and tags.get(TIFF_PLANES) == SEPARATE and tags.get(TIFF_COLOURS) == WHITE_IS_ZERO


def target_mode(picture: Pillow.Image) -> str:
    """L, RGB or RGBA."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return "L"
    return "RGBA" if picture.has_transparency_data else "L" if picture.mode == "L" else "RGB"


def conversion(picture: Pillow.Image) -> Callable[[Pillow.Image], Pixels]:
    """How a piece of the picture becomes such pixels."""
    if picture.mode.startswith("I;16"):
        return highest_bits(picture)
    if picture.mode in ("I", "F"):
        return stretched_range(picture)
    mode = target_mode(picture)
    if is_negative(picture):
        return lambda piece: np.invert(np.asarray(piece.convert(mode)))
    return lambda piece: np.asarray(piece if piece.mode == mode else piece.convert(mode))


def highest_bits(picture: Pillow.Image) -> Callable[[Pillow.Image], Pixels]:
    """The highest eight of the bits that are used: scanners and cameras store 10, 12 or 14 bits as 16."""
    greatest = max(int(np.asarray(piece).max()) for piece in cropped(picture))
    shift = max(0, greatest.bit_length() - 8)
    return lambda piece: (np.asarray(piece) >> shift).astype(np.uint8)


def stretched_range(picture: Pillow.Image) -> Callable[[Pillow.Image], Pixels]:
    """Numbers of an unknown range, as 32-bit TIFF files hold them, become 0 to 255."""
    extremes = [(float(values.min()), float(values.max())) for values in map(finite, cropped(picture))]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    gain = 255 / (high - low or 1)

    def convert(piece: Pillow.Image) -> Pixels:
        scaled: NDArray[np.float64] = np.subtract(finite(piece), low, dtype=np.float64)
        scaled *= gain
        np.rint(scaled, out=scaled)
        return scaled.astype(np.uint8)

    return convert


def finite(piece: Pillow.Image) -> NDArray[Any]:
    """Infinity becomes the greatest number of 32 bits, and what is no number becomes 0."""
    values = np.asarray(piece)
    return values if np.isfinite((values.min(), values.max())).all() else np.nan_to_num(values)


def cropped(picture: Pillow.Image) -> Iterator[Pillow.Image]:
    """The whole of it in pieces."""
    if picture.width * picture.height <= PIECE_PIXELS:
        return iter([picture])
    return map(picture.crop, pieces(*picture.size))


def pieces(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each piece: bands across the longer side."""
    step = max(1, PIECE_PIXELS // min(width, height))
    if width > height:
        return ((left, 0, min(left + step, width), height) for left in range(0, width, step))
    return ((0, top, width, min(top + step, height)) for top in range(0, height, step))


# --- EXIF -------------------------------------------------------------------------------------------------------------


def orientation(read_exif: Callable[[], Pillow.Exif]) -> int:
    """1 to 8, 1 for upright. A damaged EXIF block is no reason to refuse good pixels."""
    with contextlib.suppress(Exception):
        value = read_exif().get(ExifTags.Base.Orientation, 1)
        return value if value in range(1, 9) else 1
    return 1


def parse_exif(block: bytes) -> Pillow.Exif:
    exif = Pillow.Exif()
    exif.load(block)
    return exif


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view (W, H, ...) or (H, W, ...) that is upright. Source: EXIF 2.32, tag 274."""
    if orientation >= 5:  # mirrored along the diagonal; 6 is turned clockwise, 8 the other way
        pixels = pixels.swapaxes(0, 1)
    upside_down, mirrored = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(
        orientation, (1, 1)
    )
    return pixels[::upside_down, ::mirrored]
