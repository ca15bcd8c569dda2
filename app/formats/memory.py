"""How many bytes decoding a picture takes at its peak, known before a pixel is decoded.

Measured for each format and mode. A test compares them with what a process really takes.
"""

from __future__ import annotations

import io

from PIL import Image as Pillow
from PIL import JpegImagePlugin, TiffImagePlugin

from app.formats.opencv_files import OpenCvFile
from app.formats.pillow_pixels import target_mode
from app.formats.png import PlainPng
from app.formats.structure import jpeg_scans

Picture = PlainPng | OpenCvFile | Pillow.Image

FIXED_BYTES = 32 * 2**20  # whatever the picture's size: the pieces that are copied, and what follows decoding
STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # of a pixel; 4 in Pillow's other modes
COPIED_BYTES = {"L": 1, "RGB": 3, "RGBA": 4}
ANIMATED_WEBP = 25  # bytes of a pixel: libwebp composes two canvases, and Pillow copies them
HEIF = 14  # the same: libheif's planes, its interleaved pixels, and Pillow's
DECODERS = {"WEBP": ANIMATED_WEBP, "HEIF": HEIF}
COEFFICIENT = 2  # bytes of a JPEG's sample, all of which are kept where there are several scans
TIFF_BITS, TIFF_COLOURS, TIFF_ORIENTATION, TIFF_SAMPLES, TIFF_TILE_WIDTH = 258, 262, 274, 277, 322
YCBCR = 6


def decoding_bytes(picture: Picture, draft_side: int) -> int:
    """`draft_side`: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size where both sides stay this long, in pixels."""
    return FIXED_BYTES + round(picture.width * picture.height * bytes_per_pixel(picture, draft_side))


def bytes_per_pixel(picture: Picture, draft_side: int) -> float:
    if isinstance(picture, PlainPng):
        return picture.channels
    if isinstance(picture, OpenCvFile):
        return picture.bytes_per_pixel
    stored, copied = STORED_BYTES.get(picture.mode, 4), COPIED_BYTES[target_mode(picture)]
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        scale = max(scale for scale in (1, 2, 4, 8) if scale == 1 or min(picture.size) >= scale * draft_side)
        return (stored + copied) / scale**2 + coefficient_bytes(picture)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        turned = stored if picture.tag_v2.get(TIFF_ORIENTATION, 1) != 1 else 0  # by Pillow, into a copy
        return stored + max(copied, strip_bytes(picture)) + turned
    return DECODERS.get(picture.format or "", stored + copied)


def coefficient_bytes(picture: JpegImagePlugin.JpegImageFile) -> float:
    """Of a pixel: those of all components, of which some have fewer samples than the picture has pixels."""
    if not isinstance(picture.fp, io.BytesIO) or jpeg_scans(picture.fp.getvalue()) == 1:
        return 0
    samples = [across * down for _, across, down, _ in picture.layer]
    return COEFFICIENT * sum(samples) / max(1, *samples)  # a damaged file may have samples of no size


def strip_bytes(picture: TiffImagePlugin.TiffImageFile) -> float:
    """Of a pixel, in a strip as libtiff decodes it: one may hold the whole picture, and a tile twice as much."""
    bits = picture.tag_v2.get(TIFF_BITS, (1,))
    bits_per_pixel: int = max(sum(bits), bits[0] * picture.tag_v2.get(TIFF_SAMPLES, 1))
    if picture.tag_v2.get(TIFF_COLOURS) == YCBCR:  # libtiff decodes it as RGBA
        bits_per_pixel = max(bits_per_pixel, 32)
    return bits_per_pixel / 8 * (2 if TIFF_TILE_WIDTH in picture.tag_v2 else 1)
