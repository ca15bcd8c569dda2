from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest, Status
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

import training.networks.train
from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, DataError
from training.networks.batches import one_hot
from training.networks.train import train
from training.presets import PRESETS
from training.runs import commit_checkpoint, completed_epochs, read_history, write_history


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


@pytest.mark.slow
def test_the_model_kept_is_the_last_epoch_where_the_config_says_so(
    config: TrainConfig, data: Split, tmp_path: Path
) -> None:
    """At a learning rate so high that the last epoch is not the best."""
    unstable = dataclasses.replace(
        config, epochs=8, learning_rate=0.05, schedule="constant", ema_momentum=0.0, keep="last"
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


@pytest.mark.slow
def test_a_run_stopped_within_an_epoch_ends_as_one_that_was_not(
    config: TrainConfig, data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to the last bit, with dropout, batch normalisation and averaged weights; its history is the same."""
    small = dataclasses.replace(data, train=data.train[:200])
    options = Options(batch_normalization=True, dropout=0.2)
    longer = dataclasses.replace(config, epochs=3, keep="last", options=options)
    unbroken = train(longer, small, tmp_path / "unbroken", verbose="0")

    def stop_in_the_third_epoch(run: Path, epochs: int) -> None:
        if epochs == 3:
            raise KeyboardInterrupt
        commit_checkpoint(run, epochs)

    monkeypatch.setattr(training.networks.train, "commit_checkpoint", stop_in_the_third_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(longer, small, tmp_path / "broken", verbose="0")
    monkeypatch.undo()
    assert len(read_history(tmp_path / "broken")) == 3
    assert completed_epochs(tmp_path / "broken") == 2
    resumed = train(longer, small, tmp_path / "broken", resume=True, verbose="0")
    histories = [(tmp_path / run / "history.csv").read_text() for run in ("unbroken", "broken")]
    assert histories[0] == histories[1]
    for a, b in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_resuming_a_complete_run_changes_nothing(config: TrainConfig, run: Path, data: Split, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    before = (copy / "checkpoint-0002.keras").read_bytes()
    train(config, data, copy, resume=True, verbose="0")
    assert (copy / "checkpoint-0002.keras").read_bytes() == before
    assert len(read_history(copy)) == 2


def test_a_run_is_not_resumed_on_other_data(config: TrainConfig, run: Path, data: Split, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    with pytest.raises(DataError, match="no longer"):
        train(config, dataclasses.replace(data, train=data.train[:1000]), copy, resume=True, verbose="0")


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_before(
    config: TrainConfig, data: Split, tmp_path: Path
) -> None:
    exploding = dataclasses.replace(config, learning_rate=1e30, schedule="constant")
    with pytest.raises(ConfigError, match="lower --learning-rate"):
        train(exploding, dataclasses.replace(data, train=data.train[:200]), tmp_path, verbose="0")
    assert not list(tmp_path.glob("[!.]*.keras"))  # neither a model nor a checkpoint


def test_a_full_disk_ends_the_run_at_the_last_whole_epoch(
    config: TrainConfig, data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = dataclasses.replace(data, train=data.train[:100])

    def full_disk(run: Path, rows: list[dict[str, str]]) -> None:
        if len(rows) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_history(run, rows)

    monkeypatch.setattr(training.networks.train, "write_history", full_disk)
    with pytest.raises(OSError, match="No space left"):
        train(config, small, tmp_path, verbose="0")
    monkeypatch.undo()
    assert (len(read_history(tmp_path)), completed_epochs(tmp_path)) == (1, 1)
    train(config, small, tmp_path, resume=True, verbose="0")
    assert completed_epochs(tmp_path) == 2


def test_a_run_ends_when_the_validation_loss_no_longer_falls(config: TrainConfig, data: Split, tmp_path: Path) -> None:
    stuck = dataclasses.replace(config, epochs=20, patience=2, learning_rate=0.0, ema_momentum=0.0)
    train(stuck, dataclasses.replace(data, train=data.train[:100]), tmp_path, verbose="0")
    assert len(read_history(tmp_path)) == 3


def test_the_textbook_recipe_trains(data: Split, tmp_path: Path) -> None:
    train(dataclasses.replace(PRESETS["textbook"], epochs=1), data, tmp_path, verbose="0")
    assert float(read_history(tmp_path)[0]["val_accuracy"]) > 0.6


def test_tensorboard_shows_the_settings_of_a_run_beside_its_accuracy(run: Path) -> None:
    """By the functions that answer its page."""
    events = EventMultiplexer()
    events.AddRunsFromDirectory(str(run.parent))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(run.parent))
    context = Context(TBContext(logdir=str(run.parent), data_provider=provider))
    request = ListSessionGroupsRequest(slice_size=9, allowed_statuses=Status.values())
    request.col_params.add(hparam="batch_size", include_in_result=True)
    metric = request.col_params.add(include_in_result=True).metric
    metric.group, metric.tag = "validation", "epoch_accuracy"
    (shown,) = Handler(RequestContext(), context, "", request).run().session_groups
    assert shown.hparams["batch_size"].number_value == 50
    (accuracy,) = (value.value for value in shown.metric_values if value.name == metric)
    assert accuracy == pytest.approx(float(read_history(run)[-1]["val_accuracy"]))
