from __future__ import annotations

import numpy as np

from training.datasets.mnist import Digits
from training.privacy.low_frequencies import low_frequencies


def test_its_columns_are_orthogonal() -> None:
    basis = low_frequencies()
    assert basis.shape == (784, 71)
    products = basis.T @ basis
    np.testing.assert_allclose(products - np.diag(np.diag(products)), 0, atol=1e-5)


def test_a_tenth_of_the_frequencies_holds_three_quarters_of_the_energy_of_digits(test_digits: Digits) -> None:
    pixels = test_digits.images[:200].reshape(-1, 784) / 255
    unit = low_frequencies() / np.linalg.norm(low_frequencies(), axis=0)
    assert np.sum((pixels @ unit) ** 2) > 0.74 * np.sum(pixels**2)
