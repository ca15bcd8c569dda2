from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import PRESETS, Options, TrainConfig
from training.datasets.mnist import Split
from training.networks.train import one_hot, train
from training.runs import completed_epochs, read_config, read_history

ROOT = Path(__file__).parents[3]


def test_a_run_folder_holds_config_history_model_checkpoint_and_logs(run: Path, config: TrainConfig) -> None:
    held = {path.name for path in run.iterdir()}
    assert held == {"config.json", "history.csv", "model.keras", "checkpoint.keras", "logs"}
    assert read_config(run) == config
    assert list((run / "logs").rglob("*tfevents*"))


def test_the_history_has_a_row_an_epoch_with_training_and_validation(run: Path) -> None:
    history = read_history(run)
    assert [row["epoch"] for row in history] == ["0", "1"]
    assert set(history[0]) >= {"accuracy", "loss", "val_accuracy", "val_loss"}


def test_a_network_learns_in_two_epochs(run: Path) -> None:
    assert float(read_history(run)[-1]["val_accuracy"]) > 0.6


def test_the_model_kept_is_the_epoch_of_least_validation_loss(run: Path, data: Split) -> None:
    model = keras.models.load_model(run / "model.keras")
    loss, _ = model.evaluate(data.validation.images, one_hot(data.validation), verbose=0)
    assert loss == pytest.approx(min(float(row["val_loss"]) for row in read_history(run)), rel=1e-4)


def test_the_model_kept_is_the_last_epoch_where_the_config_says_so(
    config: TrainConfig, data: Split, tmp_path: Path
) -> None:
    """With a rate that throws the network about, the last epoch is not the best."""
    wild = dataclasses.replace(config, epochs=4, learning_rate=0.3, schedule="constant", ema_momentum=0.0, keep="last")
    train(wild, dataclasses.replace(data, train=data.train[:500]), tmp_path, verbose="0")
    model = keras.models.load_model(tmp_path / "model.keras")
    loss, _ = model.evaluate(data.validation.images, one_hot(data.validation), verbose=0)
    losses = [float(row["val_loss"]) for row in read_history(tmp_path)]
    assert loss == pytest.approx(losses[-1], rel=1e-4)
    assert losses[-1] > min(losses)


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_a_config_survives_the_round_trip_through_json(config: TrainConfig) -> None:
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_seed_gives_the_same_run_again(config: TrainConfig, run: Path, data: Split, tmp_path: Path) -> None:
    train(config, data, tmp_path, verbose="0")
    first, second = (float(read_history(each)[-1]["val_loss"]) for each in (run, tmp_path))
    assert first == pytest.approx(second, rel=1e-3)


def test_a_run_may_begin_with_the_weights_of_another(
    config: TrainConfig, run: Path, data: Split, tmp_path: Path
) -> None:
    """And where nothing is learned, it ends with them."""
    still = dataclasses.replace(config, start_from=str(run), epochs=1, learning_rate=0.0, weight_decay=0.0)
    train(still, data, tmp_path, verbose="0")
    before = keras.models.load_model(run / "model.keras").predict(data.test.images, verbose=0)
    after = keras.models.load_model(tmp_path / "model.keras").predict(data.test.images, verbose=0)
    assert np.allclose(before, after, atol=1e-5)


def test_a_resumed_run_goes_on_where_it_ended(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    train(config, data, tmp_path, verbose="0")
    loss_before = float(read_history(tmp_path)[-1]["val_loss"])
    longer = dataclasses.replace(config, epochs=4)
    assert completed_epochs(tmp_path) == 2
    train(longer, data, tmp_path, resume=True, verbose="0")
    history = read_history(tmp_path)
    assert [row["epoch"] for row in history] == ["0", "1", "2", "3"]
    assert completed_epochs(tmp_path) == len(history)
    assert float(history[2]["val_loss"]) < loss_before


def test_a_run_started_anew_forgets_the_one_before(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    once = dataclasses.replace(config, epochs=1)
    small = dataclasses.replace(data, train=data.train[:200])
    for _ in range(2):
        train(once, small, tmp_path, verbose="0")
    assert len(read_history(tmp_path)) == 1


def test_a_run_ends_when_the_validation_loss_no_longer_falls(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    stuck = dataclasses.replace(config, epochs=20, patience=2, learning_rate=0.0, ema_momentum=0.0)
    train(stuck, dataclasses.replace(data, train=data.train[:100]), tmp_path, verbose="0")
    assert len(read_history(tmp_path)) == 3


def test_the_textbook_recipe_trains(data: Split, tmp_path: Path) -> None:
    train(dataclasses.replace(PRESETS["textbook"], epochs=1), data, tmp_path, verbose="0")
    assert float(read_history(tmp_path)[0]["val_accuracy"]) > 0.6


def test_a_mirrored_run_trains_on_two_devices(tmp_path: Path) -> None:
    """In a process of its own: TensorFlow can split the CPU in two only before it is used."""
    split = "import tensorflow as tf; c = tf.config; "
    split += (
        "c.set_logical_device_configuration(c.list_physical_devices('CPU')[0], [c.LogicalDeviceConfiguration()] * 2)"
    )
    start(
        tmp_path,
        "mirrored",
        before=split + "; real = tf.distribute.MirroredStrategy; "
        "tf.distribute.MirroredStrategy = lambda: real(['CPU:0', 'CPU:1'])",
    ).check()
    assert np.isfinite(float(read_history(tmp_path)[0]["val_loss"]))


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_workers_keep_the_same_weights_and_share_the_digits(tmp_path: Path, count: int) -> None:
    ports = [free_port() for _ in range(count)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(count)]
    for process in [start(tmp_path, "multiworker", TF_CONFIG=json.dumps(task)) for task in tasks]:
        process.check()
    runs = [tmp_path, *(tmp_path / f"worker-{index}" for index in range(1, count))]
    first, *others = [keras.models.load_model(run / "checkpoint.keras").get_weights() for run in runs]
    for weights in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, weights, strict=True))
    losses = {read_history(run)[-1]["loss"] for run in runs}
    assert len(losses) == count, "each worker sees digits of its own"


class Process(subprocess.Popen[str]):
    def check(self) -> None:
        output, _ = self.communicate(timeout=240)
        assert self.returncode == 0, output


def start(run: Path, distribute: str, before: str = "", **environment: str) -> Process:
    """A training process on 400 of the test digits, with batch normalisation, whose statistics could drift apart."""
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
    return Process(
        [sys.executable, "-c", code],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port
