"""The network of a published version, to go on learning from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from app.inference.session import Model
from app.repository.manifest import read_version
from training.config import TrainConfig
from training.datasets.mnist import Split
from training.errors import DataError
from training.export import predict, softmax
from training.networks.from_onnx import network_of, of_type
from training.networks.train import train

MODELS = Path(__file__).parents[3] / "models"


@pytest.mark.parametrize("version", ["digits/7", "digits-mlp/2"])
def test_it_reads_what_the_graph_reads(version: str, data: Split) -> None:
    manifest, graph = read_version(MODELS / version)
    logits = predict(network_of(MODELS / version, data.train.images[:500]), data.validation.images)
    read = softmax(logits / manifest.temperature)[:, :10]
    assert np.abs(read - Model(graph, device="cpu").run(data.validation.images)).max() < 1e-5


def test_it_reads_nearly_the_same_by_its_batch_as_by_its_statistics_so_learning_goes_on(data: Split) -> None:
    images = data.train.images[:1000]
    model = network_of(MODELS / "digits/7", images)
    for dropout in of_type(model, keras.layers.Dropout):
        dropout.rate = 0
    learning, reading = (np.asarray(model(images, training=training)) for training in (True, False))
    assert np.abs(learning - reading).max() < 0.01


def test_a_version_of_an_older_architecture_is_refused(data: Split) -> None:
    with pytest.raises(DataError, match="older architecture"):
        network_of(MODELS / "digits/1", data.train.images[:500])


def test_a_run_begins_with_the_weights_of_a_version(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    """And where nothing is learned, it ends with them."""
    start = MODELS / "digits-mlp/2"
    still = dataclasses.replace(config, start_from=str(start), epochs=1, learning_rate=0.0, weight_decay=0.0)
    trained = train(still, data, tmp_path, verbose="0")
    expected = predict(network_of(start, data.train.images[:500]), data.test.images)
    assert np.allclose(predict(trained, data.test.images), expected, atol=1e-4)


def test_a_folder_that_is_neither_run_nor_version_is_no_beginning(
    config: TrainConfig, data: Split, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="neither a run nor a version"):
        train(dataclasses.replace(config, start_from=str(tmp_path)), data, tmp_path / "run", verbose="0")
