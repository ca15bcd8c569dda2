"""A kind of picture that people send, as the evaluation makes it: some variants of it, each of so many pictures."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.datasets.mnist import Digits

Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = ink


class Sample(NamedTuple):
    file: bytes  # a picture, as it is sent
    label: int | None  # None: it is no digit


Make = Callable[[Generator, int], Iterator[Sample]]  # at most so many pictures


@dataclass(frozen=True)
class Kind:
    name: str
    about: str  # in one line, for the table's reader
    variants: Mapping[str, Make]
    each: int  # pictures of a variant

    def samples(self) -> Iterator[tuple[str, Sample]]:
        """Variant and picture, in the order of the variants: always the same ones."""
        for variant, make in self.variants.items():
            rng = np.random.default_rng(zlib.crc32(f"{self.name}/{variant}".encode()))
            yield from ((variant, sample) for sample in make(rng, self.each))

    def __len__(self) -> int:
        return self.each * len(self.variants)


def of_digits(digits: Digits, draw: Callable[[Ink, Generator], bytes]) -> Make:
    """Pictures of some of these digits, none of them twice."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        for index in rng.permutation(len(digits))[:count]:
            yield Sample(draw(digits.images[index], rng), int(digits.labels[index]))

    return make


def of_no_digit(draw: Callable[[Generator], bytes]) -> Make:
    """Pictures that show none."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        for _ in range(count):
            yield Sample(draw(rng), None)

    return make
