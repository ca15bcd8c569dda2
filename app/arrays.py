"""The arrays that the rooms hand each other: one name for each shape and meaning."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grayscale = NDArray[np.uint8]  # (H, W): brightness, 0 black to 255 white
Mask = NDArray[np.uint8]  # (H, W): 255 where something is, 0 elsewhere
Ink = NDArray[np.uint8]  # (H, W): 0 paper to 255 full ink, whatever the picture's colours

Homography = NDArray[np.float64]  # (3, 3): from places on one flat picture to those on another

Image = NDArray[np.uint8]  # (28, 28): 0 paper to 255 ink, in MNIST's geometry
Images = NDArray[np.uint8]  # (n, 28, 28): the same, for one request or one batch
# (n, 10), calibrated. The remainder of a row to 1 is the probability that the picture is not a digit.
Probabilities = NDArray[np.float32]

IMAGE_SIZE: Literal[28] = 28  # pixels: the side of an image
CLASSES: Literal[10] = 10  # the digits 0 to 9
