"""The networks of a membership-inference attack: each learns as a run of the configuration would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from app.arrays import Images
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.networks.train import load_saved, train
from training.privacy.membership import Attack, Learner, Logits, attack
from training.privacy.train import train_private
from training.runs import MODEL_FILE

BATCH_SIZE = 500  # images


def attack_configuration(config: TrainConfig, data: Split, models: int, digits: int) -> Attack:
    """Attacks networks of this configuration, each trained on half of the first `digits` training digits.

    Raises `ConfigError` for too few models or contradictory settings.
    """
    return attack(learner(config, data), data.train[:digits], models, config.seed)


def learner(config: TrainConfig, data: Split) -> Learner:
    """Trains by the configuration, with the validation digits of `data`."""

    def learn(half: Digits, seed: int) -> Callable[[Images], Logits]:
        model = train_network(replace(config, seed=seed), replace(data, train=half))
        return lambda images: model.predict(images, batch_size=BATCH_SIZE, verbose=0)

    return learn


def train_network(config: TrainConfig, data: Split) -> keras.Model:
    """In a run folder that is deleted."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        if config.privacy:
            train_private(config, data, run, show_progress=False)
        else:
            train(config, data, run, verbose=0)
        return load_saved(run / MODEL_FILE)
