"""The part of a private run's network that is no secret: layers that learnt from public characters, then froze."""

from __future__ import annotations

from pathlib import Path

import keras

from training.config import Distortion, Options, TrainConfig
from training.datasets.mnist import Split
from training.networks.train import load_saved, train
from training.privacy.public_characters import CHARACTERS, NO_DIGITS, make_public_characters
from training.privacy.record import PUBLIC_FOLDER
from training.runs import CONFIG_FILE, MODEL_FILE

COUNT = 32_000  # characters that the network learns from
VALIDATION_COUNT = 2_000


def public_config(config: TrainConfig) -> TrainConfig:
    """How the features of a private run are learnt."""
    return TrainConfig(
        name=f"{config.name}-public",
        labels=tuple(CHARACTERS),
        arch=config.arch,
        options=Options(batch_normalization=True, dropout=0.2),
        seed=config.seed,
        epochs=8,
        batch_size=128,
        learning_rate=3e-3,
        warmup_epochs=1,
        weight_decay=1e-3,
        label_smoothing=0.05,
        ema_momentum=0.99,
        keep="last",
        distortion=Distortion(
            rotation=10, scale=0.15, shear=0.25, shift=1.0, elastic_alpha=(10, 35), elastic_sigma=(4, 6), thickness=0.7
        ),
    )


def load_public_network(config: TrainConfig, run: Path) -> keras.Model:
    """(batch, 28, 28) -> logits of `CHARACTERS`: of the private run to start from, or trained in the run's folder.

    Raises `PackageError` if the fonts cannot be downloaded, and `DataError` if the file is damaged.
    """
    if config.start_from:
        return load_saved(Path(config.start_from) / PUBLIC_FOLDER / MODEL_FILE)
    folder = run / PUBLIC_FOLDER
    characters = make_public_characters(COUNT + VALIDATION_COUNT, config.seed)
    split = Split(characters[:COUNT], characters[COUNT:], NO_DIGITS)
    return train(public_config(config), split, folder, resume=(folder / CONFIG_FILE).exists())
