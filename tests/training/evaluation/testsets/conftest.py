from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from training.errors import PackageError
from training.evaluation.testsets.base import Kind, Sample

Samples = Callable[[Kind, int], dict[str, list[Sample]]]


@pytest.fixture
def samples() -> Samples:
    """So many pictures of each variant of a kind."""

    def make(kind: Kind, each: int) -> dict[str, list[Sample]]:
        made: dict[str, list[Sample]] = {name: [] for name in kind.variants}
        for variant, sample in dataclasses.replace(kind, each=each).samples():
            made[variant].append(sample)
        return made

    return make


def fetched(make: Callable[[], Kind]) -> Kind:
    """A kind made of what others collected; the test is skipped where that cannot be fetched."""
    try:
        return make()
    except PackageError as error:
        pytest.skip(str(error))
