"""HEIC photos, where the extra 'heif' is installed. Source of the file's structure: ISO/IEC 23008-12."""

from __future__ import annotations

import importlib.util
import io

from PIL import Image as Pillow

from app.errors import UnsupportedPicture

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # after "ftyp", at byte 8
PHOTO = "convert it to JPEG, or let the camera store JPEG (iPhone: Settings, Camera, Formats, Most Compatible)"


def is_heif(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in BRANDS


def can_read_heif() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def open_heif(content: bytes) -> Pillow.Image:
    """The main picture, turned as its container says. Its pixels are not decoded yet.

    libheif refuses files whose pictures, tiles or items are more or larger than their headers say. Raises
    `UnsupportedPicture`.
    """
    if not can_read_heif():
        raise UnsupportedPicture(
            "The file is an HEIC photo, which this service cannot read without the extra 'heif' "
            f"(.venv/bin/pip install '.[heif]'): {PHOTO}."
        )
    import pillow_heif

    # One thread for each picture. What else the file may hold is not read.
    options = pillow_heif.options
    options.DECODE_THREADS, options.THUMBNAILS, options.DEPTH_IMAGES, options.AUX_IMAGES = 1, False, False, False
    try:
        picture: Pillow.Image = pillow_heif.HeifImageFile(io.BytesIO(content))  # type: ignore[no-untyped-call]
    except Exception as error:  # a damaged file makes libraries raise errors of any class
        raise UnsupportedPicture("The HEIC photo is damaged or incomplete: send it again, or save it anew.") from error
    return picture
