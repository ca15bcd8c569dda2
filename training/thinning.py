"""Thinning: the skeleton of a shape, one pixel wide and connected as the shape is.

Source: Zhang and Suen, A fast parallel algorithm for thinning digital patterns, Communications of the ACM 27(3), 1984.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Shape = NDArray[np.bool_]  # (H, W): the pixels of a shape, or of its skeleton
Deletable = NDArray[np.uint8]  # (256,): 1 where a pixel with this neighbourhood is removed

# The eight neighbours as the bits of one number, clockwise from the one above: a neighbourhood is a number below 256.
NEIGHBOUR_BITS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


def deletable_neighbourhoods(*, first: bool) -> Deletable:
    """The paper's conditions (a) to (d) for its first or its second subiteration."""
    bits = [(np.arange(256) >> bit) & 1 == 1 for bit in range(8)]
    north, _, east, _, south, _, west, _ = bits
    count = np.sum(bits, axis=0)  # B(P1)
    transitions = np.sum([~a & b for a, b in zip(bits, bits[1:] + bits[:1], strict=True)], axis=0)  # A(P1)
    if first:
        on_edge = ~(north & east & south) & ~(east & south & west)
    else:
        on_edge = ~(north & east & west) & ~(north & south & west)
    return np.asarray((count >= 2) & (count <= 6) & (transitions == 1) & on_edge, np.uint8)


SUBITERATIONS = (deletable_neighbourhoods(first=True), deletable_neighbourhoods(first=False))


def thin(shape: Shape) -> Shape:
    """(H, W) -> (H, W): the skeleton of `shape`."""
    remaining = shape.astype(np.uint8)
    while True:
        count = np.count_nonzero(remaining)
        for deletable in SUBITERATIONS:
            neighbourhoods = cv2.filter2D(remaining, cv2.CV_8U, NEIGHBOUR_BITS, borderType=cv2.BORDER_CONSTANT)
            remaining = remaining & ~deletable[neighbourhoods]
        if np.count_nonzero(remaining) == count:
            return remaining > 0
