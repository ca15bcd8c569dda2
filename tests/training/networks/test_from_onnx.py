from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from app.inference.session import Model
from app.repository.manifest import read_version
from training.calibration import softmax
from training.config import TrainConfig
from training.datasets.mnist import Split
from training.errors import DataError
from training.export import predict
from training.networks.from_onnx import layers_of_type, model_from_version
from training.networks.train import train

MODELS = Path(__file__).parents[3] / "models"


@pytest.mark.parametrize("version", ["digits/7", "digits-mlp/2"])
def test_it_computes_what_the_graph_computes(version: str, data: Split) -> None:
    manifest, graphs = read_version(MODELS / version)
    logits = predict(model_from_version(MODELS / version, data.train.images[:500]), data.validation.images)
    probabilities = softmax(logits / manifest.temperature)[:, :10]
    assert np.abs(probabilities - Model(graphs.float32, device="cpu").run(data.validation.images)).max() < 1e-5


def test_training_and_inference_mode_nearly_agree_so_training_can_continue(data: Split) -> None:
    """Batch normalisation with the batch's statistics and with the stored ones."""
    images = data.train.images[:1000]
    model = model_from_version(MODELS / "digits/7", images)
    for dropout in layers_of_type(model, keras.layers.Dropout):
        dropout.rate = 0
    in_training, in_inference = (np.asarray(model(images, training=training)) for training in (True, False))
    assert np.abs(in_training - in_inference).max() < 0.01


def test_a_version_of_an_older_architecture_is_refused(data: Split, tmp_path: Path) -> None:
    """One whose graph has other kernels than the architecture in its manifest."""
    version = shutil.copytree(MODELS / "digits/7", tmp_path / "version")
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["config"]["arch"] = "cnn-wide"
    (version / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="older architecture"):
        model_from_version(version, data.train.images[:500])


@pytest.mark.slow
def test_a_run_starts_with_the_weights_of_a_version(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    """And ends with them, at a learning rate of 0."""
    start = MODELS / "digits-mlp/2"
    frozen = dataclasses.replace(config, start_from=str(start), epochs=1, learning_rate=0.0, weight_decay=0.0)
    trained = train(frozen, data, tmp_path, verbose="0")
    expected = predict(model_from_version(start, data.train.images[:500]), data.test.images)
    assert np.allclose(predict(trained, data.test.images), expected, atol=1e-4)


def test_a_folder_that_is_neither_run_nor_version_is_no_start(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a run nor a version"):
        train(dataclasses.replace(config, start_from=str(tmp_path)), data, tmp_path / "run", verbose="0")
