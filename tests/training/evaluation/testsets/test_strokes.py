from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import strokes
from training.evaluation.testsets.strokes import CANVASES, Canvas


def ink_of(canvas: Canvas, digit: np.ndarray) -> np.ndarray:
    picture = Image.open(io.BytesIO(canvas.render(digit, np.random.default_rng(0)))).convert("L")
    return 255 - np.asarray(picture)


def test_there_are_twelve_canvases_and_each_shows_ink(samples: Samples, test_digits: Digits) -> None:
    made = samples(strokes.pen_strokes(test_digits), 2)
    assert len(made) == 12
    for name, pictures in made.items():
        for file, label, _ in pictures:
            pixels = np.asarray(Image.open(io.BytesIO(file)))
            assert pixels.shape[:2] == CANVASES[name].size
            assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 1
            assert label is not None


def test_a_thicker_pen_leaves_more_ink(test_digits: Digits) -> None:
    masses = [ink_of(Canvas(pen=pen), test_digits.images[0]).sum() for pen in (0.02, 0.08, 0.2)]
    assert masses == sorted(masses)
    assert masses[2] > 4 * masses[0]


def test_a_transparent_canvas_is_transparent(test_digits: Digits) -> None:
    file = Canvas(background=None).render(test_digits.images[0], np.random.default_rng(0))
    alpha = np.asarray(Image.open(io.BytesIO(file)))[:, :, 3]
    assert (alpha.min(), alpha.max()) == (0, 255)


def test_an_unsteady_hand_moves_the_line(test_digits: Digits) -> None:
    steady, unsteady = (ink_of(Canvas(wobble=wobble), test_digits.images[0]) for wobble in (0, 0.02))
    assert not np.array_equal(steady, unsteady)
