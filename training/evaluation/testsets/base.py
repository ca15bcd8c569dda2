"""What a test set is: labelled pictures of one kind, in variants, made for evaluation only."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.datasets.mnist import Digits


class Sample(NamedTuple):
    """A picture and its label."""

    file: bytes  # the picture as a client sends it
    label: int | None  # the digit; None: a non-digit
    source: int | None = None  # which digit of the data it was made of: two pictures of one digit are one witness


Variant = Callable[[Generator, int], Iterator[Sample]]  # yields at most this many samples
RenderDigit = Callable[[Ink, Generator], bytes]  # a digit's ink -> a picture file
RenderNonDigit = Callable[[Generator], bytes]  # -> a picture file


@dataclass(frozen=True)
class TestSet:
    """Pictures of one kind. Their names seed the random numbers: a renamed set or variant has other pictures."""

    __test__ = False  # pytest would take it for a class of tests

    name: str
    description: str  # one line, for the model card
    variants: Mapping[str, Variant]
    pictures_per_variant: int

    def samples(self) -> Iterator[tuple[str, Sample]]:
        """The name of the variant and a sample, variant by variant; the same samples in every call."""
        for name, variant in self.variants.items():
            rng = np.random.default_rng(zlib.crc32(f"{self.name}/{name}".encode()))
            yield from ((name, sample) for sample in variant(rng, self.pictures_per_variant))

    def __len__(self) -> int:
        """The number of pictures, if each variant can make `pictures_per_variant`."""
        return self.pictures_per_variant * len(self.variants)


def digit_variant(digits: Digits, render: RenderDigit) -> Variant:
    """Pictures of randomly chosen digits, each digit at most once."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        for index in rng.permutation(len(digits))[:count]:
            yield Sample(render(digits.images[index], rng), int(digits.labels[index]), int(index))

    return make_samples


def non_digit_variant(render: RenderNonDigit) -> Variant:
    """Pictures without a digit."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        for _ in range(count):
            yield Sample(render(rng), None)

    return make_samples
