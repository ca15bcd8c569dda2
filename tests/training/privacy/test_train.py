from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import Privacy, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, RunError
from training.export import export
from training.networks.train import train
from training.presets import PRESETS
from training.privacy import train as privacy_train
from training.privacy.accounting import SampledGaussian
from training.privacy.network import build_private_network
from training.privacy.record import PrivacyRecord
from training.privacy.train import see, see_copies, train_private
from training.runs import read_history
from training.version_manifest import describe_data

SECOND_KERNEL = 2  # among the weights: of a layer that learns on no basis
SMALL = dataclasses.replace(
    PRESETS["private-mlp"],
    epochs=8,
    batch_size=250,
    learning_rate=4.0,
    ema_momentum=0.9,
    privacy=Privacy(epsilon=8, delta=1e-5, clipping_norm=0.1, distorted_copies=2),
)


@pytest.fixture(scope="module")
def private_run(data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 2,000 digits, with a budget that leaves something to learn from so few."""
    folder = tmp_path_factory.mktemp("runs") / "private"
    train_private(SMALL, data, folder, show_progress=False)
    return folder


def test_a_small_private_run_learns(private_run: Path) -> None:
    assert float(read_history(private_run)[-1]["val_accuracy"]) > 0.6


def test_its_record_says_what_the_accountant_says(private_run: Path) -> None:
    record = PrivacyRecord.read(private_run)
    assert (record.steps, record.sampling_probability, record.delta) == (64, 0.125, 1e-5)
    mechanism = SampledGaussian(record.noise_multiplier, record.sampling_probability, record.steps)
    assert record.epsilon == mechanism.epsilon(1e-5) <= 8


def test_its_record_goes_into_the_manifest(private_run: Path, data: Split) -> None:
    described = describe_data(private_run, data)["privacy"]
    for name in ("epsilon", "delta", "clipping_norm", "noise_multiplier", "sampling_probability", "steps"):
        assert described[name] > 0
    assert described["accountant"].startswith("dp-accounting")
    assert described["accountant_version"]


def test_it_says_nothing_about_how_it_reads_its_training_digits(private_run: Path) -> None:
    for row in read_history(private_run):
        assert math.isnan(float(row["accuracy"]))
        assert math.isnan(float(row["loss"]))
    assert not (private_run / "seen.png").exists()


def test_it_is_exported_like_any_other(private_run: Path, data: Split) -> None:
    assert export(private_run, data).parity.equal_argmax


@pytest.mark.slow
def test_the_same_seed_gives_other_noise(private_run: Path, data: Split, tmp_path: Path) -> None:
    train_private(SMALL, data, tmp_path / "again", show_progress=False)
    first, second = (keras.models.load_model(run / "model.keras") for run in (private_run, tmp_path / "again"))
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_a_run_is_not_overwritten(private_run: Path, data: Split) -> None:
    with pytest.raises(RunError):
        train_private(SMALL, data, private_run)


def test_without_a_step_on_digits_the_noise_alone_moves_the_weights(
    data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What noise does to a network that sees no digit is what clipping norm and noise multiplier say."""
    monkeypatch.setattr(privacy_train, "poisson_sample", lambda *_: np.zeros(0, np.intp))
    config: TrainConfig = dataclasses.replace(
        SMALL, epochs=1, batch_size=len(data.train), schedule="constant", learning_rate=1.0, ema_momentum=0.0
    )
    before = initial_weights(config)
    record = train_private(config, data, tmp_path / "noise", show_progress=False)
    after = keras.models.load_model(tmp_path / "noise" / "model.keras").get_weights()[SECOND_KERNEL]
    deviation = record.noise_multiplier * record.clipping_norm / len(data.train)
    assert (after - before).std() == pytest.approx(deviation, rel=0.02)


def initial_weights(config: TrainConfig) -> np.ndarray:
    keras.utils.set_random_seed(config.seed)
    kernel: np.ndarray = build_private_network(config, Path()).model.get_weights()[SECOND_KERNEL]
    return kernel


def test_copies_are_distorted_and_the_validation_digits_are_not(data: Split) -> None:
    network = build_private_network(SMALL, Path())
    plain, copies = see(network, data.validation[:10]), see_copies(network, data.validation[:10], SMALL)
    assert (plain.features.shape, copies.features.shape) == ((10, 1, 71), (10, 2, 71))
    assert not np.allclose(copies.features[:, 0], copies.features[:, 1], atol=0.1)
    undistorted = dataclasses.replace(SMALL, distortion=None)
    np.testing.assert_array_equal(see_copies(network, data.validation[:10], undistorted).features, plain.features)


def test_settings_that_would_see_digits_without_noise_are_refused(data: Split, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--standardise"):
        train_private(dataclasses.replace(SMALL, standardise=True), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_private_configuration_is_not_trained_without_its_privacy(data: Split, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train --private only"):
        train(SMALL, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
