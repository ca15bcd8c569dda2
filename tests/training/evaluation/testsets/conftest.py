from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from training.errors import PackageError
from training.evaluation.testsets.base import Sample, TestSet

Samples = Callable[[TestSet, int], dict[str, list[Sample]]]


@pytest.fixture
def samples() -> Samples:
    """The first samples of each variant of a test set, as many as asked for."""

    def make(test_set: TestSet, count: int) -> dict[str, list[Sample]]:
        made: dict[str, list[Sample]] = {name: [] for name in test_set.variants}
        for variant, sample in dataclasses.replace(test_set, pictures_per_variant=count).samples():
            made[variant].append(sample)
        return made

    return make


def only(test_set: TestSet, variant: str) -> TestSet:
    """With this variant alone, whose samples are the same: making all of them takes a while."""
    return dataclasses.replace(test_set, variants={variant: test_set.variants[variant]})


def fetch(make: Callable[[], TestSet]) -> TestSet:
    """A test set of published data; skips the test where the data cannot be downloaded."""
    try:
        return make()
    except PackageError as error:
        pytest.skip(str(error))
