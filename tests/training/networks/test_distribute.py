from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import Options, TrainConfig
from training.runs import read_history

ROOT = Path(__file__).parents[3]
TIMEOUT = 240  # seconds, for a training process on a busy machine


class TrainingProcess(subprocess.Popen[str]):
    def check(self) -> None:
        output, _ = self.communicate(timeout=TIMEOUT)
        assert self.returncode == 0, output


def start_training(run: Path, distribute: str, before: str = "", **environment: str) -> TrainingProcess:
    """Trains on 400 of the test digits, with batch normalisation, whose statistics could differ between workers."""
    config = TrainConfig(
        arch="mlp", epochs=1, batch_size=50, distribute=distribute, options=Options(batch_normalization=True)
    )
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
{before}
from pathlib import Path
from training.config import Distortion
from training.config import Options, TrainConfig
from training.datasets.mnist import Split, load_test_digits
from training.networks.train import train
digits = load_test_digits(Path({str(ROOT / "tests/data")!r}))
train({config!r}, Split(digits[:400], digits[400:500], digits[500:600]), Path({str(run)!r}), verbose=2)
"""
    return TrainingProcess(
        [sys.executable, "-c", code],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.slow
def test_a_mirrored_run_trains_on_two_devices(tmp_path: Path) -> None:
    """In a process of its own: TensorFlow can split the CPU in two only before it is used."""
    split = "import tensorflow as tf; c = tf.config; "
    split += (
        "c.set_logical_device_configuration(c.list_physical_devices('CPU')[0], [c.LogicalDeviceConfiguration()] * 2)"
    )
    start_training(
        tmp_path,
        "mirrored",
        before=split + "; real = tf.distribute.MirroredStrategy; "
        "tf.distribute.MirroredStrategy = lambda: real(['CPU:0', 'CPU:1'])",
    ).check()
    assert np.isfinite(float(read_history(tmp_path)[0]["val_loss"]))


@pytest.mark.slow
@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_workers_keep_the_same_weights_and_share_the_digits(tmp_path: Path, count: int) -> None:
    ports = [free_port() for _ in range(count)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(count)]
    for process in [start_training(tmp_path, "multiworker", TF_CONFIG=json.dumps(task)) for task in tasks]:
        process.check()
    runs = [tmp_path, *(tmp_path / f"worker-{index}" for index in range(1, count))]
    first, *others = [keras.models.load_model(run / "checkpoint.keras").get_weights() for run in runs]
    for weights in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, weights, strict=True))
    losses = {read_history(run)[-1]["loss"] for run in runs}
    assert len(losses) == count, "each worker sees digits of its own"
