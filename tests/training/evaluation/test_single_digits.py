"""Pictures of one digit that are hard to prepare, and the line that tells how they are read."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import ServiceError
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from tests.support.pictures import MAX_PIXELS
from training.datasets.mnist import Digits
from training.evaluation.robustness import PictureResult
from training.evaluation.single_digits.kinds import KINDS, describe, make_samples
from training.evaluation.testsets.base import Sample


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_the_same_for_the_same_seed_and_hold_ink(kind: str, test_digits: Digits) -> None:
    samples = list(make_samples(kind, test_digits, 2, seed=3))
    assert samples == list(make_samples(kind, test_digits, 2, seed=3))
    assert samples != list(make_samples(kind, test_digits, 2, seed=4))
    try:
        images = [to_image(open_picture(sample.file, MAX_PIXELS)) for _, sample in samples]
    except ServiceError as error:
        pytest.fail(f"{kind} is refused: {error}")
    assert np.stack(images).any(axis=(1, 2)).all()


def test_a_line_tells_what_is_read_correctly_and_what_is_accepted_though_wrong() -> None:
    def picture(digit: int, accepted: bool) -> PictureResult:
        return PictureResult("ring", Sample(b"", 3), 1.0, digit, 0.9, accepted)

    line = describe("ring", [picture(3, accepted=True), picture(3, accepted=False), picture(5, accepted=True)])
    assert "66.7%" in line
    assert line.endswith("of 3; accepted 2, wrong 1")
