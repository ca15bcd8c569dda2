"""A federated run learns, without Flower, and is a run like any other: it is exported and described."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from app.inference.session import Model
from training.__main__ import main
from training.commands import making
from training.config import Federation, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, RunError
from training.export import export
from training.federated.rounds import LocalClients, choose, federate
from training.networks.checks import check_publishable, check_training
from training.privacy.record import PrivacyRecord
from training.runs import read_config, read_history
from training.version_manifest import describe_data

FEDERATION = Federation(clients=5, partition="dirichlet", local_steps=10, local_loss="adjusted")
CONFIG = TrainConfig(
    name="tiny", arch="mlp", epochs=6, batch_size=32, learning_rate=0.1, label_smoothing=0.0, weight_decay=0.0,
    keep="last", distortion=None, federated=FEDERATION,
)  # fmt: skip


@pytest.fixture
def on_small_data(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "load_mnist", lambda _folder: data)


@pytest.fixture(scope="module")
def run(data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("federated") / "run"
    federate(CONFIG, data, folder, LocalClients(CONFIG, data.train))
    return folder


def test_a_federated_run_learns_and_each_round_is_in_its_history(run: Path) -> None:
    history = read_history(run)
    assert [row["epoch"] for row in history] == list("012345")
    assert float(history[-1]["val_accuracy"]) > 0.75 > float(history[0]["val_accuracy"])


def test_the_run_says_that_it_is_federated_and_what_each_client_had(run: Path, data: Split) -> None:
    assert read_config(run) == CONFIG
    described = describe_data(run, data)["federated"]
    assert (described["clients"], described["rounds"]) == (5, 6)
    assert "privacy" not in describe_data(run, data)
    assert sum(map(sum, described["digits_of_clients"])) == len(data.train)


def test_the_run_is_exported_like_any_other(run: Path, data: Split) -> None:
    check_publishable(run)
    probabilities = Model(export(run, data).graph, device="cpu").run(data.test.images)
    assert (probabilities.argmax(axis=1) == data.test.labels).mean() > 0.75


def test_a_run_is_not_overwritten(run: Path, data: Split) -> None:
    with pytest.raises(RunError, match="holds a trained run"):
        federate(CONFIG, data, run, LocalClients(CONFIG, data.train))


def test_a_federated_run_is_not_resumed_as_if_it_were_none(data: Split) -> None:
    with pytest.raises(ConfigError, match="python -m training federate"):
        check_training(CONFIG, data)


def test_a_run_that_does_not_converge_is_one_line(data: Split, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, learning_rate=1e9)
    with pytest.raises(ConfigError, match="give a lower --learning-rate"):
        federate(config, data, tmp_path / "run", LocalClients(config, data.train))


def test_a_private_run_states_its_epsilon_and_keeps_the_clients_figures_to_itself(data: Split, tmp_path: Path) -> None:
    federation = dataclasses.replace(FEDERATION, clip=1.0, noise_multiplier=1.0, sampled=2)
    config = dataclasses.replace(CONFIG, epochs=2, federated=federation)
    federate(config, data, tmp_path / "run", LocalClients(config, data.train))
    described = describe_data(tmp_path / "run", data)
    assert described["privacy"] == PrivacyRecord.read(tmp_path / "run").to_dict()
    assert described["privacy"]["epsilon"] > 1
    assert described["federated"]["digits_of_clients"] is None
    assert all(math.isnan(float(row["loss"])) for row in read_history(tmp_path / "run"))


def test_sampled_clients_are_a_function_of_the_seed_unless_the_run_is_private() -> None:
    def chosen(**settings: float) -> list[list[int]]:
        federation = Federation(clients=1000, sampled=100, **settings)  # type: ignore[arg-type]  # a float each
        return [choose(dataclasses.replace(CONFIG, federated=federation), 3) for _ in range(2)]

    first, second = chosen()
    assert first == second
    assert len(set(first)) == 100
    first, second = chosen(clip=1.0, noise_multiplier=1.0)
    assert first != second
    assert json.dumps(first)  # plain numbers


@pytest.mark.usefixtures("on_small_data")
def test_the_command_ends_with_the_guarantee(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--arch", "mlp", "--no-distortion", "--clients", "2", "--epochs", "1", "--local-steps", "1"]
    assert main(["federate", *small, "--clip", "1", "--noise-multiplier", "1", "--out", str(tmp_path / "run")]) == 0
    record = PrivacyRecord.read(tmp_path / "run")
    assert f"({record.epsilon:.4g}, 0.05)-differentially private" in capsys.readouterr().out
    assert main(["federate", *small, "--out", str(tmp_path / "other")]) == 0
    assert "private" not in capsys.readouterr().out


def test_private_names_the_options_that_hide_clients(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["federate", "--private"]) == 1
    assert "--private: clients are hidden by --clip and --noise-multiplier" in capsys.readouterr().err
