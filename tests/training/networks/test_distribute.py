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
TOLERANCE = 1e-6  # of a weight

# TensorFlow can split the CPU in two only before it is used.
TWO_DEVICES = """
import tensorflow as tf
cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy
tf.distribute.MirroredStrategy = lambda: strategy(['CPU:0', 'CPU:1'])
"""


class TrainingProcess(subprocess.Popen[str]):
    def check(self) -> None:
        output, _ = self.communicate(timeout=TIMEOUT)
        assert self.returncode == 0, output


def start_training(run: Path, distribute: str, before: str = "", **environment: str) -> TrainingProcess:
    """Eight steps, with batch normalisation, whose statistics could differ between workers."""
    config = TrainConfig(
        arch="mlp",
        epochs=1,
        batch_size=50,
        learning_rate=2e-4,
        schedule="constant",
        distribute=distribute,
        options=Options(batch_normalization=True),
    )
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
{before}
from pathlib import Path
from training.config import Distortion, Options, TrainConfig
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


def weights(run: Path) -> list[np.ndarray]:
    """Of the last step, not averaged over the steps."""
    values: list[np.ndarray] = keras.models.load_model(run / "checkpoint-0001.keras", compile=False).get_weights()
    return values


def largest_difference(first: Path, second: Path) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process on the same batches."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    start_training(run, "none").check()
    return run


@pytest.mark.slow
@pytest.mark.xfail(reason="differs by 4e-3 after eight steps, from the same initial weights: not yet explained")
def test_two_devices_learn_the_weights_that_one_learns(alone: Path, tmp_path: Path) -> None:
    start_training(tmp_path, "mirrored", before=TWO_DEVICES).check()
    assert largest_difference(alone, tmp_path) < TOLERANCE


@pytest.mark.slow
def test_two_workers_learn_the_weights_that_one_process_learns(alone: Path, tmp_path: Path) -> None:
    """And see other digits each: the batch is the same in all."""
    cluster = {"worker": [f"127.0.0.1:{free_port()}" for _ in range(2)]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(2)]
    for process in [start_training(tmp_path, "multiworker", TF_CONFIG=json.dumps(task)) for task in tasks]:
        process.check()
    runs = [tmp_path, tmp_path / "worker-1"]
    assert largest_difference(*runs) == 0
    assert largest_difference(alone, tmp_path) < TOLERANCE
    losses = {read_history(run)[-1]["loss"] for run in (alone, *runs)}
    assert len(losses) == 3, "each worker sees digits of its own"
