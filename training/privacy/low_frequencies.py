"""A fixed basis in which the first dense layer learns: the low frequencies of an image.

Noise is as large for every weight. 71 of 784 frequencies hold three quarters of the energy of digits, and enough to
read them by; the noise of the others is left out. The basis is a part of the discrete cosine transform and follows from
no digit, so it costs no privacy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE

RADIUS = 9  # frequencies below it are kept, in half periods across the image: 71 of 784
EMPHASIS = 0.5  # the amplitudes of images fall with the frequency: this power of it evens them out
SCALE = 0.5  # of all coordinates: a digit's then have a norm of about 8, as the activations of 128 tanh units have

Basis = NDArray[np.float32]  # (784, 71)


def low_frequencies() -> Basis:
    """(784, 71): each column is an image of one frequency along each axis; the columns are orthogonal."""
    index = np.arange(IMAGE_SIZE)
    waves = np.cos(np.pi * (2 * index[:, None] + 1) * index / (2 * IMAGE_SIZE))  # (pixel, frequency)
    waves /= np.linalg.norm(waves, axis=0)
    length = np.hypot(*np.meshgrid(index, index, indexing="ij"))
    columns = [
        SCALE * (1 + length[row, column]) ** EMPHASIS * np.outer(waves[:, row], waves[:, column]).ravel()
        for row, column in np.argwhere(length < RADIUS)
    ]
    return np.stack(columns, axis=1).astype(np.float32)
