"""What cannot be trained federated is said before TensorFlow is loaded."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from training.config import Federation, Options
from training.datasets.mnist import Split
from training.errors import ConfigError
from training.federated import checks
from training.federated.checks import check_federation, check_flower
from training.presets import FEDERATED


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"federated": None}, "not federated"),
        ({"arch": "transformer"}, "--arch transformer: choose from"),
        ({"options": Options(batch_normalization=True)}, "--batch-normalization"),
        ({"options": Options(rejects=True)}, "MNIST's digits only"),
        ({"federated": Federation(clients=1000)}, "fewer than 10 digits"),
    ],
)
def test_what_cannot_be_trained_is_refused(data: Split, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_federation(dataclasses.replace(FEDERATED, **settings), data)


def test_the_preset_is_accepted(data: Split) -> None:
    check_federation(FEDERATED, data)
    with pytest.raises(ConfigError, match="only 10 clients"):
        Federation(sampled=11)


def test_noise_that_hides_nobody_is_refused_too(data: Split) -> None:
    federation = Federation(clip=1.0, noise_multiplier=1e-3)
    with pytest.raises(ConfigError, match=r"--noise-multiplier 0\.001: so little hides no client in 40 rounds"):
        check_federation(dataclasses.replace(FEDERATED, federated=federation), data)


def test_flower_starts_a_bounded_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _: object())
    check_flower(dataclasses.replace(FEDERATED, federated=Federation(clients=64)))
    with pytest.raises(ConfigError, match="--clients 65: with --flower each is a process, and at most 64 are started"):
        check_flower(dataclasses.replace(FEDERATED, federated=Federation(clients=65)))
