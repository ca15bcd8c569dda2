from __future__ import annotations

import numpy as np
import pytest

from app.inference.session import Model
from training.datasets.mnist import Digits
from training.distillation.soft_targets import ensemble_mean, knows_non_digits, smooth_labels, soft_targets, soften
from training.synthesis.glyphs import NON_DIGIT


def test_labels_are_smoothed_over_all_eleven_classes() -> None:
    targets = smooth_labels(np.array([3, NON_DIGIT])).astype(float)
    assert targets.argmax(axis=1).tolist() == [3, NON_DIGIT]
    assert targets.sum(axis=1) == pytest.approx(1, abs=0.01)
    assert targets.min() > 0


def test_an_ensemble_predicts_the_mean_of_its_teachers(
    teacher: Model, teacher_of_non_digits: Model, test_digits: Digits
) -> None:
    images = test_digits.images[:250]
    mean = ensemble_mean(images, [teacher, teacher_of_non_digits])
    assert np.allclose(mean, (teacher.run(images) + teacher_of_non_digits.run(images)) / 2, atol=1e-5)


def test_a_temperature_above_one_flattens_probabilities() -> None:
    sharp = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)
    assert np.allclose(soften(sharp, 1), sharp)
    assert soften(sharp, 2) == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]))


def test_only_a_graph_with_an_eleventh_logit_knows_non_digits(teacher: Model, teacher_of_non_digits: Model) -> None:
    assert not knows_non_digits(teacher)
    assert knows_non_digits(teacher_of_non_digits)


def test_noise_has_a_soft_target_of_a_non_digit(teacher_of_non_digits: Model) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    targets = soft_targets(noise, [teacher_of_non_digits], temperature=2)
    assert (targets.argmax(axis=1) == NON_DIGIT).mean() > 0.8
