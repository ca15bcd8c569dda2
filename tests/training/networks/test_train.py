from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import PRESETS, TrainConfig
from training.datasets.mnist import Split
from training.networks.batches import one_hot
from training.networks.train import train
from training.runs import completed_epochs, read_history


def validation_loss(run: Path, data: Split) -> float:
    """Of the model that the run kept."""
    model = keras.models.load_model(run / "model.keras")
    loss, _ = model.evaluate(data.validation.images, one_hot(data.validation), verbose=0)
    return float(loss)


def test_a_network_learns_in_two_epochs(run: Path) -> None:
    assert float(read_history(run)[-1]["val_accuracy"]) > 0.6


def test_the_model_kept_is_the_epoch_of_least_validation_loss(run: Path, data: Split) -> None:
    losses = [float(row["val_loss"]) for row in read_history(run)]
    assert validation_loss(run, data) == pytest.approx(min(losses), rel=1e-4)


def test_the_model_kept_is_the_last_epoch_where_the_config_says_so(
    config: TrainConfig, data: Split, tmp_path: Path
) -> None:
    """At a learning rate so high that the last epoch is not the best."""
    unstable = dataclasses.replace(
        config, epochs=4, learning_rate=0.3, schedule="constant", ema_momentum=0.0, keep="last"
    )
    train(unstable, dataclasses.replace(data, train=data.train[:500]), tmp_path, verbose="0")
    losses = [float(row["val_loss"]) for row in read_history(tmp_path)]
    assert validation_loss(tmp_path, data) == pytest.approx(losses[-1], rel=1e-4)
    assert losses[-1] > min(losses)


def test_a_seed_gives_the_same_run_again(config: TrainConfig, run: Path, data: Split, tmp_path: Path) -> None:
    train(config, data, tmp_path, verbose="0")
    first, second = (float(read_history(folder)[-1]["val_loss"]) for folder in (run, tmp_path))
    assert first == pytest.approx(second, rel=1e-3)


def test_a_run_may_start_with_the_weights_of_another(
    config: TrainConfig, run: Path, data: Split, tmp_path: Path
) -> None:
    """And ends with them, at a learning rate of 0."""
    frozen = dataclasses.replace(config, start_from=str(run), epochs=1, learning_rate=0.0, weight_decay=0.0)
    train(frozen, data, tmp_path, verbose="0")
    before = keras.models.load_model(run / "model.keras").predict(data.test.images, verbose=0)
    after = keras.models.load_model(tmp_path / "model.keras").predict(data.test.images, verbose=0)
    assert np.allclose(before, after, atol=1e-5)


def test_a_resumed_run_continues_where_it_ended(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    train(config, data, tmp_path, verbose="0")
    loss_before = float(read_history(tmp_path)[-1]["val_loss"])
    longer = dataclasses.replace(config, epochs=4)
    assert completed_epochs(tmp_path) == 2
    train(longer, data, tmp_path, resume=True, verbose="0")
    history = read_history(tmp_path)
    assert [row["epoch"] for row in history] == ["0", "1", "2", "3"]
    assert completed_epochs(tmp_path) == len(history)
    assert float(history[2]["val_loss"]) < loss_before


def test_a_run_that_is_not_resumed_deletes_the_one_before(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    short = dataclasses.replace(config, epochs=1)
    small = dataclasses.replace(data, train=data.train[:200])
    for _ in range(2):
        train(short, small, tmp_path, verbose="0")
    assert len(read_history(tmp_path)) == 1


def test_a_run_ends_when_the_validation_loss_no_longer_falls(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    stuck = dataclasses.replace(config, epochs=20, patience=2, learning_rate=0.0, ema_momentum=0.0)
    train(stuck, dataclasses.replace(data, train=data.train[:100]), tmp_path, verbose="0")
    assert len(read_history(tmp_path)) == 3


def test_the_textbook_recipe_trains(data: Split, tmp_path: Path) -> None:
    train(dataclasses.replace(PRESETS["textbook"], epochs=1), data, tmp_path, verbose="0")
    assert float(read_history(tmp_path)[0]["val_accuracy"]) > 0.6
