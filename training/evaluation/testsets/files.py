"""Test sets of file formats: MNIST's test digits unchanged, and in every format, polarity, size, margin and colour."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import ExifTags, Image

from app.arrays import Ink
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import RenderDigit, TestSet, digit_variant
from training.evaluation.testsets.rendering import (
    BLACK,
    WHITE,
    Colour,
    Size,
    colour_ink,
    crop_to_ink,
    encode,
    ink_on_transparency,
    invert,
    place_randomly,
    resize_to_height,
)

ROTATED_180 = 3  # the value of EXIF's orientation
FRAME_MS = 100  # of an animated GIF


def mnist_as_png(digits: Digits) -> TestSet:
    variants = {"PNG": digit_variant(digits, lambda ink, _: encode(ink))}
    return TestSet("MNIST", "MNIST's test digits, each as a PNG of 28 x 28 pixels", variants, len(digits))


def file_formats(digits: Digits) -> TestSet:
    return TestSet(
        "files",
        "MNIST's test digits in every file format, polarity, size, margin and colour",
        {name: digit_variant(digits, render) for name, render in RENDERERS.items()},
        pictures_per_variant=500,
    )


def enlarge(ink: Ink, height: int) -> Ink:
    """With a margin of 4 pixels, then resized to `height` pixels."""
    return resize_to_height(np.pad(ink, 4), height)


def black_and_white(ink: Ink) -> Image.Image:
    """One bit a pixel, dark on light."""
    return Image.fromarray(ink < 128)


def in_colours(background: Colour, colour: Colour, picture_format: str = "PNG") -> RenderDigit:
    return lambda ink, _: encode(colour_ink(enlarge(ink, 120), background, colour), picture_format)


def on_sheet(height: int, sheet: Size, picture_format: str) -> RenderDigit:
    """`height` pixels high, dark on light, anywhere on a larger sheet."""
    return lambda ink, rng: encode(
        invert(place_randomly(resize_to_height(crop_to_ink(ink), height), sheet, rng)), picture_format
    )


def animated_gif(ink: Ink, _: Generator) -> bytes:
    """The digit in the first frame, something else in the two others."""
    first, *others = (Image.fromarray(invert(frame)) for frame in (ink, np.rot90(ink), ink.T))
    return encode(first, "GIF", save_all=True, append_images=others, duration=FRAME_MS)


def two_page_tiff(ink: Ink, _: Generator) -> bytes:
    """The digit on the first page, something else on the second."""
    pages = [Image.fromarray(invert(enlarge(page, 90))) for page in (ink, np.rot90(ink))]
    return encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def rotated_jpeg(ink: Ink, _: Generator) -> bytes:
    """The pixels are upside down, and the EXIF orientation says so."""
    picture = Image.fromarray(colour_ink(np.rot90(enlarge(ink, 160), 2)))
    exif = picture.getexif()
    exif[ExifTags.Base.Orientation] = ROTATED_180
    return encode(picture, "JPEG", exif=exif, quality=85)


def sixteen_bit_png(ink: Ink, _: Generator) -> bytes:
    return encode(Image.fromarray(invert(enlarge(ink, 60)).astype(np.uint16) * 257), "PNG")


def floating_point_tiff(ink: Ink, _: Generator) -> bytes:
    return encode(Image.fromarray(enlarge(ink, 60).astype(np.float32) / 255), "TIFF")


RENDERERS: dict[str, RenderDigit] = {
    "PNG, as MNIST has it": lambda ink, _: encode(ink),
    "PNG, dark on light": lambda ink, _: encode(invert(ink)),
    "PNG, RGB, 112 pixels": lambda ink, _: encode(colour_ink(enlarge(ink, 112))),
    "PNG, 16 bits": sixteen_bit_png,
    "PNG, black and white only": lambda ink, _: encode(black_and_white(enlarge(ink, 140))),
    "PNG, 32 colours": lambda ink, _: encode(Image.fromarray(colour_ink(enlarge(ink, 80))).quantize(32)),
    "PNG, black on nothing": lambda ink, _: encode(ink_on_transparency(enlarge(ink, 100), BLACK)),
    "PNG, white on nothing": lambda ink, _: encode(ink_on_transparency(enlarge(ink, 100), WHITE)),
    "PNG, cut to the ink": lambda ink, _: encode(invert(crop_to_ink(ink))),
    "PNG, 18 pixels": lambda ink, _: encode(invert(resize_to_height(np.pad(ink, 2), 18))),
    "PNG, 56 pixels on 800 x 600": on_sheet(56, (600, 800), "PNG"),
    "PNG, 20 pixels on 320 x 240": on_sheet(20, (240, 320), "PNG"),
    "JPEG, 280 pixels": lambda ink, _: encode(invert(enlarge(ink, 280)), "JPEG", quality=75),
    "JPEG, 64 pixels, quality 40": lambda ink, _: encode(invert(enlarge(ink, 64)), "JPEG", quality=40),
    "JPEG, 1,000 pixels": lambda ink, _: encode(invert(enlarge(ink, 1000)), "JPEG", quality=80),
    "JPEG, upside down by EXIF": rotated_jpeg,
    "WebP": lambda ink, _: encode(colour_ink(enlarge(ink, 150)), "WEBP", quality=70),
    "WebP, lossless, black on nothing": lambda ink, _: encode(ink_on_transparency(ink, BLACK), "WEBP", lossless=True),
    "BMP": lambda ink, _: encode(colour_ink(enlarge(ink, 100)), "BMP"),
    "GIF": lambda ink, _: encode(invert(enlarge(ink, 100)), "GIF"),
    "GIF, animated": animated_gif,
    "TIFF": on_sheet(70, (200, 300), "TIFF"),
    "TIFF, two pages": two_page_tiff,
    "TIFF, floating point": floating_point_tiff,
    "blue on white": in_colours(WHITE, (20, 40, 170)),
    "red on yellow": in_colours((255, 240, 150), (190, 20, 30), "JPEG"),
    "chalk on a green board": in_colours((20, 70, 50), (235, 240, 225), "WEBP"),
    "grey on grey": in_colours((150, 150, 150), (95, 95, 95)),
    "yellow on black": in_colours(BLACK, (255, 220, 40), "BMP"),
}
