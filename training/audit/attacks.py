"""Adversarial examples: how many digits are still read correctly if each pixel may change a little.

FGSM takes one step along the sign of the gradient (Goodfellow et al., Explaining and harnessing adversarial examples,
2015). PGD takes many small ones from a random start, and returns to the allowed distance after each (Madry et al.,
Towards deep learning models resistant to adversarial attacks, 2018). Both know the network (white box) and want any
wrong digit; they do not try to keep the confidence above the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from app.arrays import CLASSES, Images, Probabilities
from app.inference.session import Model
from training.datasets.mnist import Digits, Labels
from training.evaluation.metrics import wilson_interval
from training.evaluation.predictions import run_in_batches

EPSILONS = (0.05, 0.1, 0.2, 0.3)  # the largest change of a pixel, as a share of the range from paper to ink
PGD_STEPS = 20
REACH = 2.5  # of all steps of PGD together, in the largest change
BATCH_SIZE = 250

LossDirection = Callable[[Any, Any], Any]  # tensors (n, 28, 28) and (n,) -> (n, 28, 28)


class AttackResult(NamedTuple):
    method: str  # "none", "FGSM" or "PGD"
    epsilon: float
    correct: float  # share that is still read correctly
    interval: tuple[float, float]  # 95 %
    wrong_accepted: float  # share that is read wrongly with a confidence of at least the threshold


def evaluate_attacks(
    model: Model, threshold: float, network: keras.Model, digits: Digits, pgd_steps: int = PGD_STEPS
) -> Iterator[AttackResult]:
    """Without an attack first, then each method at each size. `network` is from `differentiable`, in float32.

    The images are rounded to the grey levels that a client can send, and read by the graph that is served.
    """
    yield judge(model, threshold, digits.images, digits.labels, ("none", 0.0))
    climb = loss_direction(network)
    for method, steps in (("FGSM", 1), ("PGD", pgd_steps)):
        for epsilon in EPSILONS:
            images = attack(climb, digits, epsilon, steps)
            yield judge(model, threshold, images, digits.labels, (method, epsilon))


def judge(model: Model, threshold: float, images: Images, labels: Labels, attack: tuple[str, float]) -> AttackResult:
    probabilities: Probabilities = run_in_batches(model, images, 64)
    correct = probabilities.argmax(axis=1) == labels
    accepted = probabilities.max(axis=1) >= threshold
    interval = wilson_interval(int(correct.sum()), len(labels))
    return AttackResult(*attack, float(correct.mean()), interval, float((~correct & accepted).mean()))


def attack(climb: LossDirection, digits: Digits, epsilon: float, steps: int) -> Images:
    """Images that differ from the digits by at most `epsilon` of 255 in each pixel. The same in every call."""
    starts = tqdm(
        range(0, len(digits), BATCH_SIZE), f"{'PGD' if steps > 1 else 'FGSM'} {epsilon:g}", unit="batch", leave=False
    )
    rng = np.random.default_rng(0)
    parts = [attack_batch(climb, digits[start : start + BATCH_SIZE], epsilon, steps, rng) for start in starts]
    return np.concatenate(parts)


def attack_batch(climb: LossDirection, digits: Digits, epsilon: float, steps: int, rng: np.random.Generator) -> Images:
    originals = digits.images.astype(np.float32)
    reach = 255 * epsilon
    low, high = np.maximum(originals - reach, 0), np.minimum(originals + reach, 255)
    step = reach if steps == 1 else REACH * reach / steps
    images = originals if steps == 1 else np.clip(originals + rng.uniform(-reach, reach, originals.shape), low, high)
    labels = tf.constant(digits.labels, tf.int32)
    for _ in range(steps):
        direction = climb(tf.constant(images, tf.float32), labels).numpy()
        images = np.clip(images + step * direction, low, high)
    return np.clip(np.rint(images), np.ceil(low), np.floor(high)).astype(np.uint8)


def loss_direction(network: keras.Model) -> LossDirection:
    """(images, labels) -> the sign of the gradient of the cross-entropy of the ten digits, (n, 28, 28)."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def climb(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = network(images, training=False)[:, :CLASSES]
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.sign(tape.gradient(loss, images))

    compiled: LossDirection = climb
    return compiled
