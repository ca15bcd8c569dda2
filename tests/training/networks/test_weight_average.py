"""The mean of several runs' weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.networks.from_onnx import network_of
from training.networks.train import train
from training.networks.weight_average import average
from training.runs import read_config, read_history


@pytest.fixture(scope="module")
def runs(config: TrainConfig, data: Split, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small runs with batch normalisation, the second of which went on from the first."""
    folder = tmp_path_factory.mktemp("runs")
    small = Split(data.train[:600], data.validation[:100], data.test[:100])
    first = dataclasses.replace(config, options=Options(batch_normalization=True), epochs=1)
    train(first, small, folder / "first", verbose="0")
    train(dataclasses.replace(first, start_from=str(folder / "first")), small, folder / "second", verbose="0")
    return [folder / "first", folder / "second"]


def test_the_weights_are_the_mean_and_the_statistics_measured(runs: list[Path], data: Split, tmp_path: Path) -> None:
    mean = average(runs, data, tmp_path / "mean")
    first, second = (keras.models.load_model(run / "model.keras", compile=False) for run in runs)
    for one, other, both in zip(first.trainable_weights, second.trainable_weights, mean.trainable_weights, strict=True):
        assert np.allclose((one.numpy() + other.numpy()) / 2, both.numpy(), atol=1e-6)
    halfway = [(a.numpy() + b.numpy()) / 2 for a, b in zip(first.weights, second.weights, strict=True)]
    assert not all(np.allclose(a, b.numpy()) for a, b in zip(halfway, mean.weights, strict=True))
    layers = [layer for layer in mean.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in layers} == {0.99}


def test_the_mean_is_a_run_like_any_other(runs: list[Path], data: Split, tmp_path: Path) -> None:
    average(runs, data, tmp_path)
    assert read_config(tmp_path).mean_of == tuple(map(str, runs))
    assert read_history(tmp_path) == read_history(runs[-1])
    assert keras.models.load_model(tmp_path / "model.keras").output_shape == (None, 10)


def test_a_published_version_may_be_among_them(data: Split, tmp_path: Path) -> None:
    version = Path(__file__).parents[3] / "models/digits-mlp/2"
    small = Split(data.train[:600], data.validation[:100], data.test[:100])
    config = TrainConfig(arch="mlp", epochs=1, warmup_epochs=0, batch_size=50, start_from=str(version))
    train(config, small, tmp_path / "run", verbose="0")
    mean = average([version, tmp_path / "run"], small, tmp_path / "mean")
    began, ended = network_of(version, small.train.images), keras.models.load_model(tmp_path / "run/model.keras")
    for one, other, both in zip(began.weights, ended.weights, mean.weights, strict=True):
        assert np.allclose((one.numpy() + other.numpy()) / 2, both.numpy(), atol=1e-6)
