"""A picture file becomes a grayscale picture: decode(open_picture(content)).

This module knows the formats, the limit of pixels, EXIF orientation, transparency, and what colours become.
"""

from __future__ import annotations

import contextlib
import io
import struct

import cv2
import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import TiffImagePlugin, WebPImagePlugin

from app.arrays import Grayscale
from app.errors import ServiceError, TooManyPixels
from app.formats import png
from app.formats.heif import is_heif, open_heif
from app.formats.opencv_files import OpenCvFile, parse_opencv_file
from app.formats.pillow_pixels import has_misread_planes, orientation, parse_exif, turned, upright_pixels
from app.formats.png import PlainPng, parse_plain_png
from app.formats.signatures import check_unchanged, not_a_picture, undecodable
from app.formats.structure import check_structure
from app.preprocessing.background import energy
from app.preprocessing.constants import integer, number
from app.preprocessing.scaling import halved, shrink

# The modules of the last two are imported here: else Pillow imports all of its formats with the first such file.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", WebPImagePlugin.WebPImageFile.format, TiffImagePlugin.TiffImageFile.format)
MAX_SIDE = 65_535  # pixels, as in a JPEG. A decoder takes longer for many short rows than for their pixels.
PNG_MODES = {1: "mono", 3: "rgb", 4: "rgba"}  # kornia's names, by the number of channels
TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}  # from OpenCV's order of channels

LONGEST_SIDE = integer("LONGEST_SIDE")
DRAFT_SIDE = LONGEST_SIDE // 2 + LONGEST_SIDE // 6  # pixels: a JPEG may be decoded at 1/2 to 1/8 of its size down to it
COLOUR_SPREAD = number("COLOUR_SPREAD")
COLOUR_RATIO = number("COLOUR_RATIO")
COLOUR_SIDE = integer("COLOUR_SIDE")
COLOUR_NOISE = integer("COLOUR_NOISE")
COLOUR_STROKE = number("COLOUR_STROKE")
STROKE_WIDTHS = (COLOUR_STROKE, 2 * COLOUR_STROKE, 4 * COLOUR_STROKE)
MIN_CONTRAST = integer("MIN_CONTRAST")

# A grey PNG of 28 x 28 pixels: what is before and after its only IDAT chunk.
MNIST_PNG_HEAD = png.SIGNATURE + png.chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
MNIST_PNG_END = png.chunk(b"IEND")
MNIST_PNG_OVERHEAD = len(MNIST_PNG_HEAD + png.chunk(b"IDAT") + MNIST_PNG_END)  # bytes

Picture = PlainPng | OpenCvFile | Pillow.Image  # opened: the size is known, no pixel is decoded


def open_picture(content: bytes, max_pixels: int) -> Picture:
    """Reads the file's header alone.

    Raises `InvalidRequest`, `UnsupportedPicture` or `TooManyPixels`.
    """
    picture = parse_plain_png(content) or parse_opencv_file(content) or open_with_pillow(content)
    width, height = picture.width, picture.height
    if max(width, height) > MAX_SIDE:
        raise TooManyPixels(f"The picture has {width} x {height} pixels, but a side may have at most {MAX_SIDE:,}.")
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels, but at most {max_pixels:,} are accepted: send a smaller one."
        )
    return picture


def open_with_pillow(content: bytes) -> Pillow.Image:
    """Raises `InvalidRequest` or `UnsupportedPicture`."""
    if is_heif(content):
        return open_heif(content)
    check_unchanged(content)
    check_structure(content)
    try:
        picture = Pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # a damaged file makes Pillow raise errors of any class
        raise not_a_picture(content) from error
    if has_misread_planes(picture):
        raise not_a_picture(content)
    return picture


def decode_mnist_sized_png(content: bytes) -> Grayscale | None:
    """The pixels of a plain grey PNG of 28 x 28, which most requests hold, in the shortest way; None for all others."""
    length = len(content) - MNIST_PNG_OVERHEAD
    if (
        length < 0
        or not content.startswith(MNIST_PNG_HEAD)
        or not content.endswith(MNIST_PNG_END)
        or content[33:41] != png.HEAD.pack(length, b"IDAT")
    ):
        return None
    with contextlib.suppress(Exception):  # `decode` finds out what is wrong with it
        return decode_plain_png(PlainPng(content, 28, 28))
    return None


def decode_plain_png(picture: PlainPng) -> NDArray[np.uint8]:
    """(H, W), (H, W, 3) or (H, W, 4). Raises `Exception` if the file is damaged."""
    pixels = decode_image_png_u8(picture.content, (picture.height, picture.width), PNG_MODES[picture.channels])
    return np.asarray(pixels[:, :, 0] if picture.channels == 1 else pixels, np.uint8)


def decode(picture: Picture) -> Grayscale:
    """The first frame, upright as its EXIF says, on white where it is transparent, no side longer than `LONGEST_SIDE`.

    Frees the picture's pixels: it can be decoded once. Raises `UnsupportedPicture` if it is damaged.
    """
    if isinstance(picture, PlainPng):
        try:
            return pixels_to_grayscale(shrink(decode_plain_png(picture), LONGEST_SIDE))
        except Exception:  # noqa: BLE001  # damaged: Pillow decides whether enough of it is left
            picture = open_with_pillow(picture.content)
    try:
        if isinstance(picture, OpenCvFile):
            return decode_with_opencv(picture)
        return decode_with_pillow(picture)
    except ServiceError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise errors of any class
        raise undecodable("picture") from error


def decode_with_opencv(picture: OpenCvFile) -> Grayscale:
    """Raises errors of any class."""
    stored = np.asarray(cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    upright = turned(stored, orientation(lambda: parse_exif(picture.exif)))
    small = shrink(np.ascontiguousarray(upright), LONGEST_SIDE)
    if small.ndim == 3:
        small = np.asarray(cv2.cvtColor(small, TO_RGB[small.shape[2]]), np.uint8)
    return pixels_to_grayscale(small)


def decode_with_pillow(picture: Pillow.Image) -> Grayscale:
    """Raises errors of any class."""
    with contextlib.closing(picture):
        picture.draft(None, (DRAFT_SIDE, DRAFT_SIDE))
        picture.load()
        pixels = upright_pixels(picture)
    small = shrink(pixels, LONGEST_SIDE)
    if picture.format == "BMP" and small.ndim == 3 and not small[:, :, 3:].any():
        small = np.ascontiguousarray(small[:, :, :3])  # Windows leaves the alpha of a bitmap at 0, which means opaque
    return pixels_to_grayscale(small)


def pixels_to_grayscale(pixels: NDArray[np.uint8]) -> Grayscale:
    """From grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4)."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return rgb_to_grayscale(pixels)
    rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8)
    return flatten(rgb_to_grayscale(rgb), np.asarray(cv2.extractChannel(pixels, 3), np.uint8))


def rgb_to_grayscale(pixels: NDArray[np.uint8]) -> Grayscale:
    """The brightness of (H, W, 3), or the colour in which strokes show far better: blue for yellow ink on white."""
    brightness = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    small = pixels
    while max(small.shape[:2]) > COLOUR_SIDE:
        small = halved(small)
    channels = np.dstack([small, cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)])
    deviations = np.asarray(cv2.meanStdDev(channels)[1]).ravel()
    if deviations[:3].max() <= COLOUR_SPREAD * deviations[3]:
        return brightness
    # the share that narrow strokes have in the variance
    contrasts = stroke_energies(channels) / (deviations**2 + COLOUR_NOISE**2)
    best = int(np.argmax(contrasts[:3]))
    if contrasts[best] <= COLOUR_RATIO * contrasts[3]:
        return brightness
    return np.asarray(cv2.extractChannel(pixels, best), np.uint8)


def stroke_energies(channels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The energy of narrow strokes in each channel; little where a highlighter's mark shows.

    The narrower of two structures counts for more: a digit's strokes are narrower than the mark below it.
    """
    energies = np.zeros(channels.shape[2])
    for width in STROKE_WIDTHS:
        kernel = np.ones((max(3, round(width * max(channels.shape))) | 1,) * 2, np.uint8)
        dark, light = (
            list(map(energy, cv2.split(cv2.morphologyEx(channels, hat, kernel))))
            for hat in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
        )
        energies += np.maximum(dark, light) * (STROKE_WIDTHS[0] / width) ** 2
    return energies


def flatten(brightness: Grayscale, alpha: NDArray[np.uint8]) -> Grayscale:
    """On a white background, or on black where light ink would vanish on white."""
    if alpha.min() == 255:
        return brightness
    on_black = np.asarray(cv2.multiply(brightness, alpha, scale=1 / 255), np.uint8)
    on_white = np.asarray(cv2.add(on_black, cv2.bitwise_not(alpha)), np.uint8)
    return on_black if on_white.min() > 255 - MIN_CONTRAST else on_white
