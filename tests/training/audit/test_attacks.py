"""Attacks stay within their size, and what they find is counted on the images that a client can send."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.audit.attacks import AttackResult, attack, evaluate_attacks, loss_direction
from training.audit.subject import Subject, differentiable
from training.datasets.mnist import Split


@pytest.fixture(scope="module")
def subject(models: Path, data: Split) -> Subject:
    return Subject.read(models / "digits-mlp/2", data)


@pytest.fixture(scope="module")
def results(subject: Subject) -> list[AttackResult]:
    network = differentiable(subject.network, "float32")
    digits = subject.data.test[:100]
    return list(evaluate_attacks(subject.model, subject.manifest.threshold, network, digits, pgd_steps=10))


def test_without_an_attack_nearly_all_digits_are_read(results: list[AttackResult]) -> None:
    assert (results[0].method, results[0].epsilon) == ("none", 0.0)
    assert results[0].correct > 0.9


def test_larger_changes_and_more_steps_mislead_more(results: list[AttackResult]) -> None:
    by_method = {
        method: [result.correct for result in results if result.method == method] for method in ("FGSM", "PGD")
    }
    for shares in by_method.values():
        assert shares == sorted(shares, reverse=True)
    assert all(pgd <= fgsm for fgsm, pgd in zip(by_method["FGSM"], by_method["PGD"], strict=True))
    assert by_method["PGD"][1] < 0.5  # at 0.1; random changes of this size mislead hardly ever
    assert by_method["PGD"][-1] == 0


def test_random_changes_of_the_same_size_mislead_hardly_ever(subject: Subject) -> None:
    """So it is the gradient that does it: with a wrong one the attacks would look as harmless as this."""
    digits = subject.data.test[:100]
    noise = np.random.default_rng(0).choice([-25, 25], digits.images.shape)
    images = np.clip(digits.images.astype(int) + noise, 0, 255).astype(np.uint8)
    assert (subject.model.run(images).argmax(axis=1) == digits.labels).mean() > 0.85


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("epsilon", [0.05, 0.3])
def test_no_pixel_changes_by_more_than_the_size(subject: Subject, steps: int, epsilon: float) -> None:
    digits = subject.data.test[:20]
    images = attack(loss_direction(differentiable(subject.network, "float32")), digits, epsilon, steps)
    change = images.astype(int) - digits.images
    assert images.dtype == np.uint8
    assert 0 < np.abs(change).max() <= 255 * epsilon
