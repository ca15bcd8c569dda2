"""MNIST's test digits as files of every format, polarity, size, margin and colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Ink, Kind, of_digits
from training.evaluation.testsets.rendering import (
    BLACK,
    WHITE,
    Colour,
    file_of,
    framed,
    inked,
    on_nothing,
    placed_anywhere,
    resized,
    trimmed,
)

Draw = Callable[[Ink, Generator], bytes]

UPSIDE_DOWN_BY_EXIF = 3


def plain_kind(digits: Digits) -> Kind:
    as_it_is = {"PNG": of_digits(digits, lambda ink, _: file_of(ink))}
    return Kind("MNIST", "MNIST's test digits, each as a PNG of 28 x 28", as_it_is, each=len(digits))


def kind(digits: Digits) -> Kind:
    return Kind(
        "files",
        "MNIST's test digits as files of every format, polarity, size, margin and colour",
        {name: of_digits(digits, draw) for name, draw in DRAW.items()},
        each=500,
    )


def dark_on_light(ink: Ink) -> Ink:
    return 255 - ink


def enlarged(ink: Ink, height: int) -> Ink:
    """With a margin that keeps the digit off the border."""
    return resized(framed(ink, 4), height)


def black_and_white(ink: Ink) -> Image.Image:
    return Image.fromarray(ink < 128)


def coloured(paper: Colour, colour: Colour, picture_format: str = "PNG") -> Draw:
    return lambda ink, _: file_of(inked(enlarged(ink, 120), paper, colour), picture_format)


def on_sheet(height: int, sheet: tuple[int, int], picture_format: str) -> Draw:
    """Somewhere on a sheet, dark on light."""
    return lambda ink, rng: file_of(
        dark_on_light(placed_anywhere(resized(trimmed(ink), height), sheet, rng)), picture_format
    )


def animated(ink: Ink, _: Generator) -> bytes:
    """The digit in its first frame, others in the two that follow."""
    first, *others = (Image.fromarray(dark_on_light(each)) for each in (ink, np.rot90(ink), ink.T))
    return file_of(first, "GIF", save_all=True, append_images=others, duration=100)


def two_pages(ink: Ink, _: Generator) -> bytes:
    pages = [Image.fromarray(dark_on_light(enlarged(each, 90))) for each in (ink, np.rot90(ink))]
    return file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def upside_down(ink: Ink, _: Generator) -> bytes:
    """Its pixels are; its EXIF says so."""
    picture = Image.fromarray(inked(np.rot90(enlarged(ink, 160), 2)))
    exif = picture.getexif()
    exif[0x0112] = UPSIDE_DOWN_BY_EXIF
    return file_of(picture, "JPEG", exif=exif, quality=85)


def scan_of_16_bits(ink: Ink, _: Generator) -> bytes:
    return file_of(Image.fromarray(dark_on_light(enlarged(ink, 60)).astype(np.uint16) * 257), "PNG")


DRAW: dict[str, Draw] = {
    "PNG, as MNIST has it": lambda ink, _: file_of(ink),
    "PNG, dark on light": lambda ink, _: file_of(dark_on_light(ink)),
    "PNG, RGB, 112 pixels": lambda ink, _: file_of(inked(enlarged(ink, 112))),
    "PNG, 16 bits": scan_of_16_bits,
    "PNG, black and white only": lambda ink, _: file_of(black_and_white(enlarged(ink, 140))),
    "PNG, 32 colours": lambda ink, _: file_of(Image.fromarray(inked(enlarged(ink, 80))).quantize(32)),
    "PNG, black on nothing": lambda ink, _: file_of(on_nothing(enlarged(ink, 100), BLACK)),
    "PNG, white on nothing": lambda ink, _: file_of(on_nothing(enlarged(ink, 100), WHITE)),
    "PNG, cut to the ink": lambda ink, _: file_of(dark_on_light(trimmed(ink))),
    "PNG, 18 pixels": lambda ink, _: file_of(dark_on_light(resized(framed(ink, 2), 18))),
    "PNG, 56 pixels on 800 x 600": on_sheet(56, (600, 800), "PNG"),
    "PNG, 20 pixels on 320 x 240": on_sheet(20, (240, 320), "PNG"),
    "JPEG, 280 pixels": lambda ink, _: file_of(dark_on_light(enlarged(ink, 280)), "JPEG", quality=75),
    "JPEG, 64 pixels, quality 40": lambda ink, _: file_of(dark_on_light(enlarged(ink, 64)), "JPEG", quality=40),
    "JPEG, 1,000 pixels": lambda ink, _: file_of(dark_on_light(enlarged(ink, 1000)), "JPEG", quality=80),
    "JPEG, upside down by EXIF": upside_down,
    "WebP": lambda ink, _: file_of(inked(enlarged(ink, 150)), "WEBP", quality=70),
    "WebP, lossless, black on nothing": lambda ink, _: file_of(on_nothing(ink, BLACK), "WEBP", lossless=True),
    "BMP": lambda ink, _: file_of(inked(enlarged(ink, 100)), "BMP"),
    "GIF": lambda ink, _: file_of(dark_on_light(enlarged(ink, 100)), "GIF"),
    "GIF, animated": animated,
    "TIFF": on_sheet(70, (200, 300), "TIFF"),
    "TIFF, two pages": two_pages,
    "TIFF, floating point": lambda ink, _: file_of(Image.fromarray(enlarged(ink, 60).astype(np.float32) / 255), "TIFF"),
    "blue on white": coloured(WHITE, (20, 40, 170)),
    "red on yellow": coloured((255, 240, 150), (190, 20, 30), "JPEG"),
    "chalk on a green board": coloured((20, 70, 50), (235, 240, 225), "WEBP"),
    "grey on grey": coloured((150, 150, 150), (95, 95, 95)),
    "yellow on black": coloured(BLACK, (255, 220, 40), "BMP"),
}
