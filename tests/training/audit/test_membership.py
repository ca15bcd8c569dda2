"""A model that memorised its training data is found out; one that did not is not accused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.audit.membership import judge_scores, losses
from training.datasets.mnist import Split

RNG = np.random.default_rng(0)


@pytest.mark.slow
def test_model_that_memorised_its_digits_is_found_out(data: Split) -> None:
    """A network trained on 100 digits with random labels knows these labels, which nobody else could."""
    keras.utils.set_random_seed(0)
    members, others = data.train[:100], data.test[:100]
    labels = RNG.integers(0, 10, 200).astype(np.uint8)
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(256, activation="relu"), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    pixels = np.concatenate([members.images, others.images]).reshape(200, -1) / 255
    model.fit(pixels[:100], labels[:100], batch_size=100, epochs=60, verbose=0)
    scores = -losses(model.predict(pixels, verbose=0), labels)
    result = judge_scores(scores[:100], scores[100:])
    assert result.auc > 0.95
    assert result.true_positives > 0.1  # guessing finds a thousandth


def test_scores_that_tell_nothing_are_no_better_than_guessing() -> None:
    result = judge_scores(RNG.normal(size=5000), RNG.normal(size=5000))
    assert result.auc_interval[0] < 0.5 < result.auc_interval[1]
    assert result.interval[0] <= 0.001 <= result.interval[1]


def test_few_certain_members_are_found_although_the_area_hides_them() -> None:
    """One in fifty members is known for certain, the others not at all."""
    members, others = RNG.normal(size=5000), RNG.normal(size=5000)
    members[:100] += 10
    result = judge_scores(members, others)
    assert result.auc == pytest.approx(0.51, abs=0.015)
    assert 0.015 < result.interval[0] <= result.true_positives <= result.interval[1] < 0.03


def test_losses_of_confident_digits_are_told_apart() -> None:
    """In float32, both would be 0."""
    sure, surer = losses(np.array([[30, 0], [31, 0]], np.float32), np.array([0, 0], np.uint8))
    assert 0 < surer < sure
    assert losses(np.array([[2.0, 2.0]]), np.array([1], np.uint8)) == pytest.approx([np.log(2)])
