"""What a private run guarantees and how: in the run folder, and from there in the manifest of its version."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from training.config import Privacy, TrainConfig
from training.errors import ConfigError, DataError
from training.privacy.accounting import ACCOUNTANT, PACKAGE, SampledGaussian, accountant_version, find_noise_multiplier
from training.runs import read_json, write_json

PRIVACY_FILE = "privacy.json"
PUBLIC_FOLDER = "public"  # in the run folder: the run that the features were learnt in
PROTECTED = "each of the training digits; not the validation digits, which choose temperature and threshold"
NEIGHBOURS = "one training digit more or less"
SAMPLING = "Poisson: each digit is in each step independently"
NOT_COUNTED = "the choice of the hyper-parameters"


@dataclass(frozen=True)
class PrivacyRecord:
    """The guarantee of a run, and all that it follows from."""

    epsilon: float  # what the steps cost, by the accountant
    delta: float
    clipping_norm: float
    noise_multiplier: float  # standard deviation of the noise, in clipping norms
    sampling_probability: float
    steps: int
    accountant: str
    accountant_version: str
    protected: str = PROTECTED
    neighbours: str = NEIGHBOURS
    sampling: str = SAMPLING
    not_counted: str = NOT_COUNTED

    @classmethod
    def of(cls, mechanism: SampledGaussian, delta: float, clipping_norm: float, **described: str) -> Self:
        """What the mechanism costs. Raises `PackageError` if the accountant is not installed."""
        return cls(
            epsilon=mechanism.epsilon(delta),
            delta=delta,
            clipping_norm=clipping_norm,
            noise_multiplier=mechanism.noise_multiplier,
            sampling_probability=mechanism.sampling_probability,
            steps=mechanism.steps,
            accountant=f"{PACKAGE}: {ACCOUNTANT}",
            accountant_version=accountant_version(),
            **described,
        )

    def __str__(self) -> str:
        return f"({self.epsilon:.4g}, {self.delta:g})-differentially private in {self.steps:,} steps"

    @property
    def mechanism(self) -> SampledGaussian:
        return SampledGaussian(self.noise_multiplier, self.sampling_probability, self.steps)

    def write(self, run: Path) -> None:
        write_json(run / PRIVACY_FILE, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, run: Path) -> Self:
        """Raises `DataError`."""
        try:
            return cls(**read_json(run / PRIVACY_FILE))
        except TypeError as error:
            raise DataError(f"{run / PRIVACY_FILE} is damaged: train the run again into a new folder") from error


def plan_privacy(config: TrainConfig, n: int) -> PrivacyRecord:
    """What a run of this configuration on `n` digits will guarantee, with the least noise that does.

    Raises `ConfigError` if no noise is enough, and `PackageError` if the accountant is not installed.
    """
    privacy: Privacy | None = config.privacy
    if privacy is None:
        raise ConfigError("--private is missing")
    probability = min(1.0, config.batch_size / n)
    steps = config.epochs * steps_per_epoch(config, n)
    noise_multiplier = find_noise_multiplier(privacy.epsilon, privacy.delta, probability, steps)
    mechanism = SampledGaussian(noise_multiplier, probability, steps)
    return PrivacyRecord.of(mechanism, privacy.delta, privacy.clipping_norm)


def steps_per_epoch(config: TrainConfig, n: int) -> int:
    """`batch_size` is the mean size of a Poisson sample."""
    return max(1, round(n / config.batch_size))
