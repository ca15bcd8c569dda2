"""TIFF files of kinds that Pillow does not write."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from PIL import TiffImagePlugin

WHITE_IS_ZERO, GREY, RGB, CMYK, LAB = 0, 1, 2, 5, 8  # photometric interpretations


def tiff_file(
    pixels: NDArray[Any],
    colours: int,
    *,
    planar: bool,
    compress: Callable[[bytes], bytes] | None = None,
    extra_samples: tuple[int, ...] = (),
) -> bytes:
    """(H, W, channels), in a plane for each channel or together. Without `compress` (zlib's) it is not compressed."""
    height, width, channels = pixels.shape
    arrays = [pixels[:, :, channel] for channel in range(channels)] if planar else [pixels]
    strips = [array.astype(pixels.dtype.newbyteorder("<")).tobytes() for array in arrays]
    if compress:
        strips = list(map(compress, strips))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[256], tags[257], tags[278] = width, height, height
    tags[258] = (8 * pixels.itemsize,) * channels
    tags[259], tags[262], tags[277], tags[284] = 8 if compress else 1, colours, channels, 2 if planar else 1
    tags[339] = ({"u": 1, "i": 2, "f": 3}[pixels.dtype.kind],) * channels
    if extra_samples:
        tags[338] = extra_samples
    *starts, _ = itertools.accumulate(map(len, strips), initial=0)
    tags[273], tags[279] = tuple(starts), tuple(map(len, strips))  # `save` makes the starts positions in the file
    file = io.BytesIO()
    tags.save(file)
    file.write(b"".join(strips))
    return file.getvalue()
