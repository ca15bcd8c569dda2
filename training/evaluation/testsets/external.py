"""Pictures that others collected: small scans of digits, clothing, photos. Training never sees them."""

from __future__ import annotations

import functools
import gzip
import io
from collections.abc import Iterator

import numpy as np
import orjson
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.datasets.downloads import NpmPackage, Package, Wheel, load_files
from training.datasets.mnist import Digits
from training.datasets.photos import SCIKIT_IMAGE
from training.evaluation.testsets.base import Kind, Make, Sample, of_digits
from training.evaluation.testsets.rendering import file_of

SCIKIT_LEARN = Wheel(
    "scikit-learn",
    "1.9.1",
    "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    tags="cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
)
FASHION_MNIST = NpmPackage("fashion-mnist", "1.1.0", "7fe48b6f9470efb6e15354b1b2005d60a544177bd24cf4b5da500e3e83d1f396")

GARMENTS = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
PHOTOS = {
    SCIKIT_LEARN: [f"sklearn/datasets/images/{name}.jpg" for name in ("china", "flower")],
    SCIKIT_IMAGE: [f"skimage/data/{name}.png" for name in ("astronaut", "brick", "camera", "chelsea", "coffee")]
    + [f"skimage/data/{name}" for name in ("coins.png", "grass.png", "rocket.jpg")],
}
CROPS = (28, 64, 128, 256)  # pixels; larger than the picture is all of it


def small_scans_kind() -> Kind:
    digits = scikit_learn_digits()
    draw = {"as they are": lambda ink, _: file_of(ink), "dark on light": lambda ink, _: file_of(255 - ink)}
    variants = {name: of_digits(digits, each) for name, each in draw.items()}
    about = "the 1,797 digits of 43 other writers that scikit-learn ships, 8 x 8 pixels"
    return Kind("other writers, 8 x 8", about, variants, each=len(digits))


def scikit_learn_digits() -> Digits:
    """Of UCI's optdigits: E. Alpaydin and C. Kaynak, 1998, CC BY 4.0. Sixteen levels, here 0 to 255."""
    (content,) = load_files(SCIKIT_LEARN, "sklearn/datasets/data/digits.csv.gz")
    rows = np.loadtxt(io.BytesIO(gzip.decompress(content)), delimiter=",")
    return Digits((rows[:, :-1] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8), rows[:, -1].astype(np.uint8))


def clothing_kind() -> Kind:
    about = "clothing of Fashion-MNIST, bright on black and dark on white"
    return Kind("clothing", about, {name: garments(label) for label, name in enumerate(GARMENTS)}, each=100)


def garments(label: int) -> Make:
    """Every second one inverted."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        pictures = clothing()[label]
        for number, index in enumerate(rng.permutation(len(pictures))[:count]):
            yield Sample(file_of(255 - pictures[index] if number % 2 else pictures[index]), None)

    return make


@functools.cache
def clothing() -> list[NDArray[np.uint8]]:
    """Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, MIT licence): for each garment (7000, 28, 28), bright on 0."""
    files = load_files(FASHION_MNIST, *(f"src/clothes/{label}.json" for label in range(len(GARMENTS))))
    rows = ([row for row in orjson.loads(content)["data"] if len(row) == 28 * 28] for content in files)
    return [np.array(each, np.uint8).reshape(-1, 28, 28) for each in rows]


def photos_kind() -> Kind:
    variants = {path.rpartition("/")[2]: crops(package, path) for package, paths in PHOTOS.items() for path in paths}
    return Kind("photos of other things", "crops of ten photos: a cat, coins, grass, a temple ...", variants, each=100)


def crops(package: Package, path: str) -> Make:
    """Of several sizes, from anywhere, in colour."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        (content,) = load_files(package, path)
        pixels: NDArray[np.uint8] = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        for number in range(count):
            sides = [min(CROPS[number % len(CROPS)], length) for length in pixels.shape[:2]]
            top, left = (int(rng.integers(0, n - side + 1)) for n, side in zip(pixels.shape, sides, strict=False))
            crop = pixels[top : top + sides[0], left : left + sides[1]]
            yield Sample(file_of(crop, "JPEG", quality=85), None)

    return make
