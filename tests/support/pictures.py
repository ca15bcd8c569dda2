"""Picture files of digits, and the images that preprocessing makes of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from app.arrays import Grayscale, Image
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image

MAX_PIXELS = 50_000_000


def encode(pixels: NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """The picture file of an array (H, W) or (H, W, channels)."""
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header claims any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(4_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def enlarged(digit: Image) -> Grayscale:
    """A digit of 280 x 280 pixels, black on white."""
    return 255 - np.asarray(cv2.resize(digit, (280, 280), interpolation=cv2.INTER_CUBIC), np.uint8)


def sheet(digit: Image, margin: int = 0) -> Grayscale:
    """A digit of 140 x 140 pixels on white paper of 180 x 180, with a further margin on all sides."""
    ink = cv2.resize(digit, (196, 196), interpolation=cv2.INTER_CUBIC)[28:-28, 28:-28]
    return np.asarray(np.pad(255 - ink, 20 + margin, constant_values=255), np.uint8)


def drawing(digit: Image, margin: int = 40) -> tuple[Pillow.Image, ImageDraw.ImageDraw]:
    """A digit on a sheet, and a pen to draw beside it."""
    picture = Pillow.fromarray(sheet(digit, margin))
    return picture, ImageDraw.Draw(picture)


def image_of_file(content: bytes) -> Image:
    """What the model is shown of a picture file."""
    return to_image(open_picture(content, MAX_PIXELS))


def image_of(picture: Grayscale | Pillow.Image) -> Image:
    """What the model is shown of a picture."""
    return image_of_file(encode(np.asarray(picture)))


def assert_alike(one: Image, other: Image, tolerance: float = 5) -> None:
    """The mean difference of two different digits is about 45 grey levels; of one pixel's shift about 25."""
    assert np.abs(one.astype(int) - other).mean() < tolerance
