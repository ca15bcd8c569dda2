"""Small generated pictures of every shape, content, mode and format, most of which nobody would send."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow

Pixels = NDArray[np.uint8]  # (H, W)
SIDES = (1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 12, 16, 20, 27, 28, 29, 33, 48, 63, 64, 65, 96, 128, 200, 256, 300)
LONG_SIDES = (1, 2, 3, 9, 400, 700, 1024, 1025, 1500)

# Pillow's modes for each format that can hold them.
MODES: dict[str, Sequence[str]] = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P"),
    "TIFF": ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
}


def nested_rectangles(shape: tuple[int, int], rng: Generator) -> Pixels:
    picture, step = np.zeros(shape, np.uint8), int(rng.integers(1, 6))
    for index, margin in enumerate(range(0, (min(shape) + 1) // 2, step)):
        picture[margin : shape[0] - margin, margin : shape[1] - margin] = (
            255 * (index % 2) if step > 1 else (255 - int(picture[margin, margin]))
        )
    return picture


def stripes(shape: tuple[int, int], rng: Generator) -> Pixels:
    along = np.arange(shape[int(rng.integers(2))])
    tones = (255 * (along // int(rng.integers(1, 12)) % 2)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(tones if len(tones) == shape[1] else tones[:, np.newaxis], shape))


def checkerboard(shape: tuple[int, int], rng: Generator) -> Pixels:
    y, x = np.indices(shape) // int(rng.integers(1, 20))
    return np.asarray(255 * ((x + y) % 2), np.uint8)


def gradient(shape: tuple[int, int], rng: Generator) -> Pixels:
    y, x = np.indices(shape)
    slope = rng.normal(0, 3, 2)
    return np.asarray(np.abs(slope[0] * y + slope[1] * x) % 256, np.uint8)


def single_pixels(shape: tuple[int, int], rng: Generator) -> Pixels:
    picture = np.full(shape, 255, np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        picture[tuple(rng.integers(0, shape))] = rng.integers(0, 256)
    return picture


def borders(shape: tuple[int, int], rng: Generator) -> Pixels:
    """A border of any width along some of the edges, and perhaps a block inside."""
    picture = np.full(shape, 255, np.uint8)
    for view in (picture, picture[::-1], picture.T, picture.T[::-1]):
        view[: int(rng.integers(0, 5))] = rng.integers(0, 100)
    y, x = sorted(rng.integers(0, shape[0] + 1, 2)), sorted(rng.integers(0, shape[1] + 1, 2))
    picture[y[0] : y[1], x[0] : x[1]] = rng.integers(0, 256)
    return picture


def noise(shape: tuple[int, int], rng: Generator) -> Pixels:
    levels = int(rng.choice([2, 3, 256]))
    return np.asarray(rng.integers(0, levels, shape) * (255 // (levels - 1)), np.uint8)


def comb(shape: tuple[int, int], rng: Generator) -> Pixels:
    picture, pitch = np.full(shape, 255, np.uint8), int(rng.integers(2, 30))
    margin = int(rng.integers(0, 1 + shape[0] // 3))
    picture[margin : shape[0] - margin, ::pitch] = 0
    picture[shape[0] // 2 : shape[0] // 2 + int(rng.integers(0, 3))] = 0
    return picture


def rings(shape: tuple[int, int], rng: Generator) -> Pixels:
    picture = np.full(shape, 255, np.uint8)
    for radius in range(1, max(shape), int(rng.integers(2, 12))):
        cv2.circle(picture, (shape[1] // 2, shape[0] // 2), radius, (int(rng.integers(0, 120)),), 1)
    return picture


def blobs(shape: tuple[int, int], rng: Generator) -> Pixels:
    """Strokes, ellipses and boxes, some of which the edge cuts."""
    picture = np.full(shape, int(rng.integers(150, 256)), np.uint8)
    for _ in range(int(rng.integers(1, 8))):
        one, other = ([int(rng.integers(-side, 2 * side)) for side in shape[::-1]] for _ in range(2))
        tone, width = (int(rng.integers(0, 256)),), int(rng.choice([-1, 1, 2, 5]))
        match int(rng.integers(3)):
            case 0:
                cv2.line(picture, one, other, tone, max(1, width))
            case 1:
                cv2.rectangle(picture, one, other, tone, width)
            case _:
                cv2.ellipse(picture, (one, [1 + abs(side) for side in other], float(rng.uniform(0, 180))), tone, width)
    return picture


CONTENTS: list[Callable[[tuple[int, int], Generator], Pixels]] = [
    nested_rectangles,
    stripes,
    checkerboard,
    gradient,
    single_pixels,
    borders,
    noise,
    comb,
    rings,
    blobs,
]


def generated_pixels(rng: Generator, digits: NDArray[np.uint8]) -> Pixels:
    """A picture by one of `CONTENTS`, or a digit of (n, 28, 28) that is cut, or one over the other."""
    shape = tuple(int(rng.choice(LONG_SIDES if rng.random() < 0.1 else SIDES)) for _ in range(2))
    assert len(shape) == 2
    picture = CONTENTS[int(rng.integers(len(CONTENTS)))](shape, rng)
    if rng.random() < 0.3:
        picture = with_digit(picture, digits[int(rng.integers(len(digits)))], rng)
    if rng.random() < 0.3:
        noisy = picture * rng.uniform(0.1, 1) + rng.normal(0, rng.uniform(0, 20), shape)
        picture = np.asarray(np.clip(noisy, 0, 255), np.uint8)
    return 255 - picture if rng.random() < 0.5 else picture


def with_digit(picture: Pixels, digit: Pixels, rng: Generator) -> Pixels:
    """A digit of any size anywhere, partly outside."""
    side = int(rng.integers(1, 2 * max(picture.shape) + 2))
    large = cv2.resize(digit, (side, side), interpolation=cv2.INTER_LINEAR)
    height, width = picture.shape
    shift = np.array([[1, 0, rng.integers(-side, width)], [0, 1, rng.integers(-side, height)]], np.float32)
    return np.asarray(np.minimum(picture, 255 - cv2.warpAffine(large, shift, (width, height))), np.uint8)


def picture_file(pixels: Pixels, kind: str, mode: str, rng: Generator) -> bytes:
    """The pixels in one of Pillow's modes, with random transparency, colours and EXIF where the mode has them."""
    file = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = int(rng.integers(1, 9))
    options = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF") and rng.random() < 0.3 else {}
    in_mode(pixels, mode, rng).save(file, kind, **options)
    return file.getvalue()


def in_mode(pixels: Pixels, mode: str, rng: Generator) -> Pillow.Image:
    match mode:
        case "I;16":
            return Pillow.fromarray(pixels.astype(np.uint16) * np.uint16(rng.choice([1, 16, 257])))
        case "I":
            return Pillow.fromarray(pixels.astype(np.int32) * np.int32(rng.integers(-(2**20), 2**20)))
        case "F":
            odd = rng.choice(np.array([0, 1e30, -1, np.inf, np.nan], np.float32))
            return Pillow.fromarray(np.where(rng.random(pixels.shape) < 0.1, odd, pixels / np.float32(255)))
    picture = Pillow.fromarray(pixels)
    if mode in ("RGB", "RGBA"):
        channels = [picture.point(lambda value, gain=gain: int(value * gain)) for gain in rng.uniform(0, 1, 3)]
        picture = Pillow.merge("RGB", channels) if rng.random() < 0.5 else picture
    if mode in ("LA", "RGBA"):
        picture = picture.convert(mode)
        picture.putalpha(Pillow.fromarray(pixels if rng.random() < 0.5 else np.full_like(pixels, rng.integers(256))))
    return picture.convert(mode)


def damaged(content: bytes, rng: Generator) -> bytes:
    """The file with some bytes changed, removed, repeated or added, or cut off."""
    file = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not file:
            break
        # Headers are where a byte means most.
        at = int(rng.integers(len(file)) if rng.random() < 0.5 else rng.integers(min(len(file), 64)))
        length = int(rng.integers(1, 9))
        match int(rng.integers(6)):
            case 0:
                file[at] ^= 1 << int(rng.integers(8))
            case 1:
                file[at : at + length] = rng.bytes(length)
            case 2:
                file[at : at + length] = bytes([int(rng.choice([0, 255]))]) * length
            case 3:
                del file[at : at + length]
            case 4:
                file[at:at] = file[at : at + length]
            case _:
                del file[at + 1 :]
    return bytes(file)
