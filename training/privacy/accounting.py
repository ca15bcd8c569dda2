"""What noise and sampling cost in epsilon and delta, by Google's accountant of privacy loss distributions.

Source: Koskela, Jalko and Honkela, Computing tight differential privacy guarantees using FFT, 2020; Abadi et al., Deep
learning with differential privacy, 2016. Neighbours differ in one training example, which one of them lacks.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from training.errors import ConfigError, PackageError

PACKAGE = "dp-accounting"
ACCOUNTANT = "privacy loss distributions (PLDAccountant)"
DISCRETIZATION = 1e-3  # of the privacy loss; rounded upwards, so that epsilon is an upper bound
TOLERANCE = 1e-3  # of the noise multiplier: what is found is at most this share larger than necessary
MOST_NOISE = 2.0**14  # noise multiplier
LEAST_NOISE = 0.25  # with less, and with less for many steps, epsilon is in the hundreds and more
LARGEST_SHIFT = 16  # of all steps together, in standard deviations of their noise


@dataclass(frozen=True)
class SampledGaussian:
    """The mechanism of a private run: steps that each add up the clipped gradients of a Poisson sample, with noise."""

    noise_multiplier: float  # standard deviation of the noise, in clipping norms
    sampling_probability: float  # of each example in each step, independently; 1: all of them
    steps: int

    def epsilon(self, delta: float) -> float:
        """Raises `PackageError` if the accountant is not installed."""
        if not self.noise_multiplier:
            return math.inf
        accounting = import_accounting()
        accountant = accounting.pld.PLDAccountant(value_discretization_interval=DISCRETIZATION)
        if self.sampling_probability == 1:  # the sum of Gaussian losses is that of one mechanism with less noise
            accountant.compose(accounting.GaussianDpEvent(self.noise_multiplier / math.sqrt(self.steps)))
        else:
            step = accounting.GaussianDpEvent(self.noise_multiplier)
            accountant.compose(accounting.PoissonSampledDpEvent(self.sampling_probability, step), self.steps)
        return float(accountant.get_epsilon(delta))


@functools.cache
def find_noise_multiplier(epsilon: float, delta: float, sampling_probability: float, steps: int) -> float:
    """The least noise, up to `TOLERANCE`, with which the steps cost at most epsilon.

    Raises `ConfigError` if no noise is enough, and `PackageError` if the accountant is not installed.
    """

    def costs(noise_multiplier: float) -> float:
        return SampledGaussian(noise_multiplier, sampling_probability, steps).epsilon(delta)

    enough = max(1.0, least_noise(sampling_probability, steps))
    while costs(enough) > epsilon:
        enough *= 2
        if enough > MOST_NOISE:
            raise ConfigError(
                f"--epsilon {epsilon:g}: {steps} steps with --delta {delta:g} cost more: allow more, or fewer --epochs"
            )
    too_little = 0.0
    while enough - too_little > TOLERANCE * enough:
        middle = (too_little + enough) / 2
        too_little, enough = (too_little, middle) if costs(middle) <= epsilon else (middle, enough)
    return enough


def least_noise(sampling_probability: float, steps: int) -> float:
    """The noise multiplier below which a guarantee says nothing, and the distribution of the loss fills the memory."""
    return max(LEAST_NOISE, sampling_probability * math.sqrt(steps) / LARGEST_SHIFT)


def accountant_version() -> str:
    """Raises `PackageError` if it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError as error:
        raise not_installed() from error


def import_accounting() -> Any:
    try:
        import dp_accounting
        import dp_accounting.pld
    except ImportError as error:
        raise not_installed() from error
    return dp_accounting


def not_installed() -> PackageError:
    return PackageError(f"private training needs {PACKAGE}: install the extra `privacy`")
