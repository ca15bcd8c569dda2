"""Every digit belongs to exactly one client, and the seed decides to which."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.config import Federation
from training.datasets.mnist import Labels
from training.errors import ConfigError
from training.federated.partition import Indices, partition


@pytest.fixture
def labels() -> Labels:
    return np.random.default_rng(0).integers(0, 10, 5003).astype(np.uint8)


def classes_of(labels: Labels, parts: list[Indices]) -> list[set[int]]:
    return [set(labels[part].tolist()) for part in parts]


@pytest.mark.parametrize(
    "federation",
    [
        Federation(),
        Federation(clients=7),
        Federation(partition="dirichlet"),
        Federation(partition="dirichlet", alpha=0.1, min_digits=1),
        Federation(partition="classes"),
        Federation(partition="classes", classes_per_client=1),
        Federation(partition="classes", clients=20, classes_per_client=3),
    ],
    ids=lambda federation: f"{federation.partition} {federation.clients} {federation.alpha}",
)
def test_every_digit_belongs_to_exactly_one_client(labels: Labels, federation: Federation) -> None:
    parts = partition(labels, federation)
    assert len(parts) == federation.clients
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))


@pytest.mark.parametrize("scheme", ["even", "dirichlet", "classes"])
def test_the_seed_decides(labels: Labels, scheme: str) -> None:
    def sizes_and_first(seed: int) -> list[tuple[int, int]]:
        return [(len(part), int(part[0])) for part in partition(labels, federation(seed))]

    def federation(seed: int) -> Federation:
        return Federation(partition=scheme, partition_seed=seed)

    assert sizes_and_first(1) == sizes_and_first(1) != sizes_and_first(2)


def test_an_even_partition_gives_the_same_number_to_each(labels: Labels) -> None:
    assert {len(part) for part in partition(labels, Federation())} == {500, 501}


@pytest.mark.parametrize(("clients", "each"), [(10, 2), (30, 3), (5, 4)])
def test_each_client_has_its_number_of_classes_and_each_class_as_many_clients(
    labels: Labels, clients: int, each: int
) -> None:
    federation = Federation(partition="classes", clients=clients, classes_per_client=each)
    held = classes_of(labels, partition(labels, federation))
    assert {len(classes) for classes in held} == {each}
    assert {sum(label in classes for classes in held) for label in range(10)} == {clients * each // 10}


def test_a_small_alpha_makes_clients_differ(labels: Labels) -> None:
    def largest_share(alpha: float) -> float:
        parts = partition(labels, Federation(partition="dirichlet", alpha=alpha, min_digits=1))
        return float(np.mean([np.bincount(labels[part]).max() / len(part) for part in parts]))

    assert largest_share(0.1) > 0.4
    assert largest_share(100) < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clients": 9, "partition": "classes"}, "multiple of 10"),
        ({"clients": 10, "partition": "classes", "classes_per_client": 11}, "multiple of 10"),
        ({"clients": 5000}, "fewer than 10 digits"),
        ({"clients": 400, "partition": "dirichlet", "alpha": 0.01}, "fewer than 10 digits"),
    ],
)
def test_an_impossible_partition_says_what_to_change(labels: Labels, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        partition(labels, dataclasses.replace(Federation(), **settings))  # type: ignore[arg-type]  # of each its type
