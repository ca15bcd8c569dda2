"""What a federated run guarantees to each client: differential privacy at the level of clients."""

from __future__ import annotations

import math

from training.config import Federation
from training.errors import ConfigError
from training.privacy.accounting import SampledGaussian, least_noise
from training.privacy.record import PrivacyRecord

PROTECTED = "each client with all its digits; not from the server, which sees the clients' changes"
NEIGHBOURS = "one client more or less"
SAMPLING = "Poisson: each client is in each round independently"


def plan_client_privacy(federation: Federation, rounds: int) -> PrivacyRecord | None:
    """What the rounds will guarantee; None without noise.

    It holds for every round's network, as the validation digits are no client's: they may choose among the rounds.
    Raises `ConfigError` for noise that hides nobody, and `PackageError` if the accountant is not installed.
    """
    if not federation.noise_multiplier:
        return None
    mechanism = SampledGaussian(
        noise_multiplier=federation.noise_multiplier,
        sampling_probability=(federation.sampled or federation.clients) / federation.clients,
        steps=rounds,
    )
    least = least_noise(mechanism.sampling_probability, rounds)
    if federation.noise_multiplier < least:
        raise ConfigError(
            f"--noise-multiplier {federation.noise_multiplier:g}: so little hides no client in {rounds:,} rounds: "
            f"give at least {math.ceil(100 * least) / 100:g}, or leave it out"
        )
    return PrivacyRecord.of(
        mechanism,
        delta=1 / (10 * federation.clients),
        clipping_norm=federation.clip,
        protected=PROTECTED,
        neighbours=NEIGHBOURS,
        sampling=SAMPLING,
    )
