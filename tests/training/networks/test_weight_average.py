from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.config import Federation, Options, Privacy, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError
from training.networks.from_onnx import model_from_version
from training.networks.sources import check_average
from training.networks.train import train
from training.networks.weight_average import average_weights
from training.runs import read_config, read_history, write_json


@pytest.fixture(scope="module")
def small(data: Split) -> Split:
    return Split(data.train[:600], data.validation[:100], data.test[:100])


@pytest.fixture(scope="module")
def runs(config: TrainConfig, small: Split, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small runs with batch normalisation; the second started from the first."""
    folder = tmp_path_factory.mktemp("runs")
    first = dataclasses.replace(config, options=Options(batch_normalization=True), epochs=1)
    train(first, small, folder / "first", verbose="0")
    train(dataclasses.replace(first, start_from=str(folder / "first")), small, folder / "second", verbose="0")
    return [folder / "first", folder / "second"]


@pytest.mark.slow
def test_the_weights_are_the_mean_and_the_statistics_are_measured(
    runs: list[Path], data: Split, tmp_path: Path
) -> None:
    soup = average_weights(runs, data, tmp_path / "soup")
    first, second = (keras.models.load_model(run / "model.keras", compile=False) for run in runs)
    for a, b, mean in zip(first.trainable_weights, second.trainable_weights, soup.trainable_weights, strict=True):
        assert np.allclose((a.numpy() + b.numpy()) / 2, mean.numpy(), atol=1e-6)
    means = [(a.numpy() + b.numpy()) / 2 for a, b in zip(first.weights, second.weights, strict=True)]
    assert not all(np.allclose(mean, weight.numpy()) for mean, weight in zip(means, soup.weights, strict=True))
    layers = [layer for layer in soup.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in layers} == {0.99}


def test_the_mean_is_a_run_like_any_other(runs: list[Path], data: Split, tmp_path: Path) -> None:
    average_weights(runs, data, tmp_path)
    assert read_config(tmp_path).mean_of == tuple(map(str, runs))
    assert read_history(tmp_path) == read_history(runs[-1])
    assert keras.models.load_model(tmp_path / "model.keras").output_shape == (None, 10)


def test_a_published_version_may_be_among_them(small: Split, tmp_path: Path) -> None:
    version = Path(__file__).parents[3] / "models/digits-mlp/2"
    config = TrainConfig(arch="mlp", epochs=1, warmup_epochs=0, batch_size=50, start_from=str(version))
    train(config, small, tmp_path / "run", verbose="0")
    soup = average_weights([version, tmp_path / "run"], small, tmp_path / "soup")
    start = model_from_version(version, small.train.images)
    end = keras.models.load_model(tmp_path / "run/model.keras")
    for a, b, mean in zip(start.weights, end.weights, soup.weights, strict=True):
        assert np.allclose((a.numpy() + b.numpy()) / 2, mean.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "private",
    [{"privacy": Privacy()}, {"federated": Federation(clip=1.0, noise_multiplier=1.0)}],
    ids=["of each digit", "of each client"],
)
def test_a_private_run_has_no_part_in_a_mean(runs: list[Path], tmp_path: Path, private: dict[str, Any]) -> None:
    first, second = (Path(shutil.copytree(run, tmp_path / run.name)) for run in runs)
    write_json(first / "config.json", dataclasses.replace(read_config(first), **private).to_dict())
    with pytest.raises(ConfigError, match="first is private"):
        check_average([first, second], tmp_path / "soup")
    with pytest.raises(ConfigError, match="first is private"):
        check_average([second, first], tmp_path / "soup")
