from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from training.config import Distortion, Federation, Options, Privacy, TrainConfig
from training.presets import PRESETS, TEACHERS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_a_config_survives_the_round_trip_through_json(config: TrainConfig) -> None:
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_every_setting_has_a_help_text() -> None:
    fields = [
        field for part in (TrainConfig, Options, Distortion, Federation, Privacy) for field in dataclasses.fields(part)
    ]
    without_help = {field.name for field in fields if not field.metadata.get("help")}
    assert without_help == {
        "options",
        "distortion",
        "federated",
        "privacy",
    }  # their own settings are options of the command line


def test_the_default_teachers_are_in_the_repository() -> None:
    assert all((ROOT / graph).exists() for graph in TEACHERS)
