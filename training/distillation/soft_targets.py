"""Soft targets: the softened predictions of an ensemble of teachers, which a student network learns in place of labels.

Source: Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.arrays import Images, Probabilities
from app.inference.session import Model
from training.synthesis.glyphs import NON_DIGIT

Targets = NDArray[np.float16]  # (n, 11): the probability of each digit and of a non-digit; rows sum to 1

CLASSES = NON_DIGIT + 1  # ten digits and the non-digits

# The labels of pictures are smoothed for two reasons: a few pictures do not show what their label says, and one
# temperature has to calibrate them and the teachers' predictions, which are softened.
LABEL_SMOOTHING = 0.04
# The probability of a non-digit in the targets of MNIST's digits, whatever the teachers predict.
NON_DIGIT_SHARE = 0.004
BATCH_SIZE = 100  # images


def smooth_labels(labels: NDArray[np.integer]) -> Targets:
    """(n,) -> (n, 11): label smoothing (Szegedy et al., Rethinking the inception architecture, 2016)."""
    one_hot = np.eye(CLASSES)[labels]
    targets: Targets = (one_hot * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / CLASSES).astype(np.float16)
    return targets


def distilled(images: Images, teachers: Sequence[Model], temperature: float) -> Targets:
    """(n, 28, 28) -> (n, 11): what the ensemble predicts for images that certainly show a digit."""
    digits = ensemble_mean(images, teachers)
    digits = soften(digits / digits.sum(axis=1, keepdims=True), temperature) * (1 - NON_DIGIT_SHARE)
    return np.pad(digits, ((0, 0), (0, 1)), constant_values=NON_DIGIT_SHARE).astype(np.float16)


def soft_targets(images: Images, teachers: Sequence[Model], temperature: float) -> Targets:
    """(n, 28, 28) -> (n, 11): what an ensemble predicts whose teachers were trained on non-digits too."""
    digits = ensemble_mean(images, teachers)
    non_digit = np.clip(1 - digits.sum(axis=1, keepdims=True), 0, 1)
    return soften(np.hstack([digits, non_digit]), temperature).astype(np.float16)


def ensemble_mean(images: Images, teachers: Sequence[Model]) -> Probabilities:
    """The mean of the teachers' probabilities."""
    batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
    return np.concatenate([np.mean([teacher.run(batch) for teacher in teachers], axis=0) for batch in batches])


def soften(probabilities: Probabilities, temperature: float) -> Probabilities:
    """What softmax gives for the logits divided by the temperature; above 1 the distribution gets flatter."""
    powers = np.power(probabilities, 1 / temperature)
    softened: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return softened


def knows_non_digits(teacher: Model) -> bool:
    """Whether the graph has an eleventh logit."""
    return any(output.name == "logits" and output.shape[-1] == CLASSES for output in teacher.session.get_outputs())
