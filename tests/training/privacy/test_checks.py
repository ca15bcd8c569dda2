from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from training import __main__, config_options
from training.config import Privacy, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, DataError
from training.presets import PRESETS
from training.privacy.checks import check_attack, check_private

PRIVATE_MLP = PRESETS["private-mlp"]


def config_of(*options: str) -> TrainConfig:
    return config_options.config_from(__main__.build_parser().parse_args(["train", *options]))


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("standardise", True, "--standardise"),
        ("keep", "best", "--keep best"),
        ("label_smoothing", 0.1, "--label-smoothing"),
        ("mixed_precision", True, "--mixed-precision"),
        ("distribute", "mirrored", "--distribute mirrored"),
    ],
)
def test_a_setting_that_contradicts_privacy_is_named(data: Split, setting: str, value: Any, named: str) -> None:
    config: TrainConfig = dataclasses.replace(PRIVATE_MLP, **{setting: value})
    with pytest.raises(ConfigError, match=f"^{named}"):
        check_private(config, data)


def test_weights_that_have_learnt_from_digits_are_no_start(data: Split, run: Path) -> None:
    with pytest.raises(ConfigError, match="without privacy"):
        check_private(dataclasses.replace(PRIVATE_MLP, start_from=str(run)), data)


def test_a_delta_that_gives_away_whole_digits_is_refused(data: Split) -> None:
    with pytest.raises(ConfigError, match="less than 1 / 2,000"):
        check_private(dataclasses.replace(PRIVATE_MLP, privacy=Privacy(delta=1e-3)), data)


def test_private_alone_is_the_preset() -> None:
    assert config_of("--private") == PRESETS["private"]


def test_the_budget_is_an_option() -> None:
    privacy = config_of("--private", "--epsilon", "1", "--delta", "1e-6").privacy
    assert privacy == Privacy(epsilon=1.0, delta=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epsilon", "3"), "--epsilon: it has no effect without --private"),
        (("--private", "--preset", "textbook"), "the preset textbook is not private"),
        (("--private", "--epsilon", "0"), "--epsilon 0"),
        (("--private", "--epsilon", "nan"), "--epsilon nan"),
    ],
)
def test_contradictory_options_are_refused_in_one_line(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        config_of(*options)
    assert "\n" not in str(refusal.value)


# --- the attack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--bank: the networks would learn from the synthetic dataset"),
        (("--preset", "textbook", "--fold", "1/2"), "--fold: the networks would not learn from all their digits"),
        (("--preset", "textbook", "--start-from", "runs/other"), "--start-from: its weights may have learnt"),
        (("--preset", "textbook", "--digits", "1"), "--digits 1: give a number from 2 to 2,000"),
        (("--preset", "textbook", "--digits", "100"), "--batch-size 64: an epoch has only 50 images"),
    ],
)
def test_an_attack_that_would_measure_nothing_is_refused(data: Split, options: tuple[str, ...], message: str) -> None:
    arguments = __main__.build_parser().parse_args(["attack", *options])
    with pytest.raises(ConfigError, match=message):
        check_attack(config_options.config_from(arguments), data, arguments.digits)


def test_private_networks_may_share_public_features(data: Split, tmp_path: Path) -> None:
    """Their start is checked as that of any private run."""
    config = dataclasses.replace(PRIVATE_MLP, batch_size=250, start_from=str(tmp_path / "gone"))
    with pytest.raises(DataError, match="neither a run nor a version"):
        check_attack(config, data, 2000)
    check_attack(dataclasses.replace(config, start_from=""), data, 2000)
