"""Pictures and ink are resized by the same rules on every machine and in the browser."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def shrink(pixels: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, channels) -> the same with no side longer than `longest_side`."""
    height, width = pixels.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return pixels
    return np.asarray(cv2.resize(pixels, scaled_size(pixels, scale), interpolation=cv2.INTER_AREA), np.uint8)


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half as wide and high, in a tenth of the time of `shrink`; of a mask, 255 where all four pixels are."""
    height, width = (max(1, side // 2) for side in pixels.shape[:2])
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def scaled_size(pixels: NDArray[np.uint8], scale: float) -> tuple[int, int]:
    """Width and height, as OpenCV takes them, of at least one pixel."""
    height, width = pixels.shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def enlarge(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """To width and height, by OpenCV's own cubic interpolation.

    Intel's IPP, which OpenCV contains on x86 alone, interpolates by other rules: 3 % of the pixels are a level off, and
    a picture would not become the same image on every machine and in the browser. IPP is set for each thread.
    """
    cv2.ipp.setUseIPP(False)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
