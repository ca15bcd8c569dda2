"""What private runs reach on MNIST's test digits. MNIST is needed: MNIST_DIR names its folder."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import pytest

from training.datasets.mnist import load_mnist
from training.presets import PRESETS
from training.privacy.record import PrivacyRecord
from training.privacy.train import train_private

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR does not name MNIST's folder"),
]


@pytest.mark.parametrize(("preset", "least"), [("private-mlp", 0.965)])
def test_a_private_run_reads_the_test_digits(preset: str, least: float, tmp_path: Path) -> None:
    data = load_mnist()
    train_private(PRESETS[preset], data, tmp_path / "run")
    record = PrivacyRecord.read(tmp_path / "run")
    assert record.epsilon <= 3
    assert record.delta == 1e-5
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    read = model.predict(data.test.images, batch_size=500, verbose=0).argmax(axis=1)
    assert (read == data.test.labels).mean() >= least
