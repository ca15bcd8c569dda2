"""What a federated run reveals about one client: differential privacy at the level of clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from training.config import Federation
from training.errors import ConfigError

DISCRETIZATION = 1e-3  # of the privacy loss; it is rounded up, so that a coarser one only states a larger epsilon


@dataclass(frozen=True)
class Spent:
    """The guarantee of a finished run, for adding or removing one client with all its digits.

    It holds for the published network against everyone but the server, which sees every client's change, and only
    because the validation digits, which are no client's, decide which round is kept.
    """

    epsilon: float
    delta: float
    unit: str = "client"

    @classmethod
    def by(cls, federation: Federation, rounds: int) -> Self | None:
        """None: no noise, no guarantee. Raises `ConfigError` if the accountant is not installed."""
        if not federation.noise_multiplier:
            return None
        try:
            import dp_accounting
            from dp_accounting.pld import PLDAccountant
        except ImportError as error:
            raise ConfigError("--noise-multiplier needs the accountant: pip install '.[privacy]'") from error
        delta = 1 / (10 * federation.clients)
        gaussian = dp_accounting.GaussianDpEvent(federation.noise_multiplier)
        share = (federation.sampled or federation.clients) / federation.clients
        event = gaussian if share == 1 else dp_accounting.PoissonSampledDpEvent(share, gaussian)
        accountant = PLDAccountant(value_discretization_interval=DISCRETIZATION)
        accountant.compose(event, rounds)
        return cls(epsilon=float(accountant.get_epsilon(delta)), delta=delta)
