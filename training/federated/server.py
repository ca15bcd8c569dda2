"""The server: makes one network of the clients' updates.

    fedavg     the mean of the clients' weights, each by its number of digits (McMahan et al., Communication-Efficient
               Learning of Deep Networks from Decentralized Data, 2017)
    fedavgm    a step along their mean change, with momentum: what clients pull to different sides averages out over
               rounds (Hsu, Qi and Brown, Measuring the Effects of Non-Identical Data Distribution, 2019)

With `clip` every client's change has a bounded norm and the same weight; with `noise_multiplier` the server adds
Gaussian noise to their sum, so that the network hardly tells whether a client took part (McMahan et al., Learning
Differentially Private Recurrent Language Models, 2018). Clients must trust the server: it sees their changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.config import Federation

Weights = list[NDArray[np.float32]]


class Aggregator:
    """Holds the server's weights and its momentum."""

    def __init__(self, federation: Federation, weights: Weights) -> None:
        self.federation = federation
        self.weights = weights
        self.velocity = [np.zeros_like(weight) for weight in weights]

    def aggregate(self, updates: Sequence[Weights], digits: Sequence[int]) -> Weights:
        """The server's new weights. `digits`: the number that each client has."""
        federation = self.federation
        if federation.clip:
            changes = [clipped(difference(update, self.weights), federation.clip) for update in updates]
            # The divisor is fixed by the configuration: how many have answered would tell about one of them.
            expected = federation.sampled or federation.clients
            mean = [
                (np.sum([change[layer] for change in changes], axis=0) + self.noise(weight)) / expected
                for layer, weight in enumerate(self.weights)
            ]
        else:
            mean = difference(weighted_mean(updates, digits), self.weights)
        if federation.strategy == "fedavgm":
            self.velocity = [
                federation.server_momentum * velocity + change
                for velocity, change in zip(self.velocity, mean, strict=True)
            ]
            mean = [federation.server_rate * velocity for velocity in self.velocity]
        self.weights = [
            (weight + change).astype(weight.dtype) for weight, change in zip(self.weights, mean, strict=True)
        ]
        return self.weights

    def noise(self, weight: NDArray[np.float32]) -> NDArray[np.float64]:
        """The generator is seeded by the operating system: the run's seed is published, and from it the noise could be
        computed and subtracted.
        """
        scale = self.federation.noise_multiplier * self.federation.clip
        return np.random.default_rng().normal(0.0, scale, weight.shape)


def weighted_mean(updates: Sequence[Weights], digits: Sequence[int]) -> Weights:
    """Each client's weights count by its number of digits."""
    shares = np.asarray(digits, np.float64) / np.sum(digits)
    return [
        np.tensordot(shares, np.stack(layers), axes=1).astype(layers[0].dtype) for layers in zip(*updates, strict=True)
    ]


def difference(after: Weights, before: Weights) -> Weights:
    return [new - old for new, old in zip(after, before, strict=True)]


def clipped(change: Weights, norm: float) -> Weights:
    """The change, shortened to the L2 norm of all its layers together if it is longer.

    A change that has NaN or infinity has no length to shorten: it counts as none.
    """
    length = np.sqrt(sum(float(np.sum(np.square(layer, dtype=np.float64))) for layer in change))
    if not np.isfinite(length):
        return [np.zeros_like(layer) for layer in change]
    factor = min(1.0, norm / length) if length else 1.0
    return [(layer * factor).astype(layer.dtype) for layer in change]
