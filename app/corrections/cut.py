"""A picture becomes the file that is kept of it: the region that was misread, as preprocessing sees it.

It is encoded anew from the pixels, so nothing else of the sent file is kept: no EXIF, no place, no thumbnail.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2

from app.arrays import Grayscale
from app.errors import InvalidRequest
from app.preprocessing.decode import Picture, decode


class Region(NamedTuple):
    """A part of a picture, in its pixels once it is upright, as the boxes of /read are."""

    left: int
    top: int
    width: int
    height: int


def cut_out(picture: Picture, region: Region | None) -> bytes:
    """A grey PNG of the region, or of the whole picture.

    Raises `UnsupportedPicture`, or `InvalidRequest` if the region is not on the picture.
    """
    grayscale = decode(picture)
    if region:
        grayscale = crop(grayscale, region, (picture.width, picture.height))
    return cv2.imencode(".png", grayscale)[1].tobytes()


def crop(grayscale: Grayscale, region: Region, size: tuple[int, int]) -> Grayscale:
    """`size`: width and height of the sent picture; the decoded one is smaller if that was large."""
    height, width = grayscale.shape
    scale = max(size) / max(width, height)
    left, top = math.floor(region.left / scale), math.floor(region.top / scale)
    right, bottom = math.ceil((region.left + region.width) / scale), math.ceil((region.top + region.height) / scale)
    part = grayscale[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if not part.size:
        raise InvalidRequest(
            f"The region {','.join(map(str, region))} has no pixel on the picture, which has "
            f"{size[0]} x {size[1]}: send left,top,width,height as /read gives boxes."
        )
    return part
