"""Which digits each client has: every digit belongs to exactly one client.

even        each client gets the same number, drawn at random
dirichlet   of each class, the clients' shares are drawn from a Dirichlet distribution: the smaller alpha, the more
            the clients differ in classes and in size (Hsu, Qi and Brown, Measuring the Effects of Non-Identical
            Data Distribution for Federated Visual Classification, 2019)
classes     each client gets digits of a few classes only, and each class has as many clients as any other
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.arrays import CLASSES
from training.config import Federation
from training.datasets.mnist import Labels
from training.errors import ConfigError

Indices = NDArray[np.intp]
ATTEMPTS = 1000  # to find a partition in which nobody has fewer digits than a batch


def partition(labels: Labels, federation: Federation) -> list[Indices]:
    """The indices of each client's digits, in random order. The same seed gives the same partition.

    Raises `ConfigError` if some client would have fewer than `min_digits`.
    """
    random = np.random.default_rng((federation.partition_seed, federation.clients))
    for _ in range(ATTEMPTS):
        parts = SCHEMES[federation.partition](labels, federation, random)
        if min(map(len, parts)) >= federation.min_digits:
            return [random.permutation(part) for part in parts]
        if federation.partition != "dirichlet":
            break
    raise ConfigError(
        f"--clients {federation.clients}: some client would have fewer than {federation.min_digits} digits: give fewer "
        "clients, a larger --alpha or smaller --min-digits"
    )


def even(labels: Labels, federation: Federation, random: np.random.Generator) -> list[Indices]:
    return np.array_split(random.permutation(len(labels)), federation.clients)


def dirichlet(labels: Labels, federation: Federation, random: np.random.Generator) -> list[Indices]:
    pieces: list[list[Indices]] = [[] for _ in range(federation.clients)]
    for digits in of_each_class(labels, random):
        shares = random.dirichlet(np.full(federation.clients, federation.alpha))
        ends = (np.cumsum(shares)[:-1] * len(digits)).astype(int)
        for client, piece in zip(pieces, np.split(digits, ends), strict=True):
            client.append(piece)
    return [np.concatenate(client) for client in pieces]


def classes(labels: Labels, federation: Federation, random: np.random.Generator) -> list[Indices]:
    """Raises `ConfigError` if the classes cannot be dealt out evenly."""
    places = federation.clients * federation.classes_per_client
    if places % CLASSES or federation.classes_per_client > CLASSES:
        raise ConfigError(
            f"--classes-per-client {federation.classes_per_client}, --clients {federation.clients}: their product must "
            f"be a multiple of {CLASSES}, so that each class has as many clients as any other"
        )
    owners = deal(federation, random)
    pieces: list[list[Indices]] = [[] for _ in range(federation.clients)]
    for digits, clients in zip(of_each_class(labels, random), owners, strict=True):
        for client, piece in zip(clients, np.array_split(digits, len(clients)), strict=True):
            pieces[client].append(piece)
    return [np.concatenate(client) for client in pieces]


def deal(federation: Federation, random: np.random.Generator) -> list[list[int]]:
    """The clients of each class: a shuffled pack of all classes after the other is dealt, no class twice to a client.

    Which classes meet at a client is random, so that the clients hold no closed groups of classes.
    """
    each = federation.classes_per_client
    packs = federation.clients * each // CLASSES
    for _ in range(ATTEMPTS):
        hands = np.concatenate([random.permutation(CLASSES) for _ in range(packs)]).reshape(-1, each)
        if all(len(set(hand)) == each for hand in hands.tolist()):
            return [[client for client, hand in enumerate(hands) if label in hand] for label in range(CLASSES)]
    raise ConfigError(f"--classes-per-client {each}: no such partition was found: give other --clients")


def of_each_class(labels: Labels, random: np.random.Generator) -> list[Indices]:
    return [random.permutation(np.flatnonzero(labels == label)) for label in range(CLASSES)]


SCHEMES = {"even": even, "dirichlet": dirichlet, "classes": classes}
