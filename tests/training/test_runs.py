from __future__ import annotations

from pathlib import Path

from training.config import TrainConfig
from training.runs import read_config, read_history


def test_a_run_folder_holds_config_data_history_model_checkpoint_and_logs(run: Path, config: TrainConfig) -> None:
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "history.csv",
        "model.keras",
        "checkpoint-0002.keras",
        "data.json",
        "seen.png",
        "logs",
    }
    assert read_config(run) == config
    assert list((run / "logs").rglob("*tfevents*"))


def test_the_history_has_a_row_for_each_epoch_with_training_and_validation(run: Path) -> None:
    history = read_history(run)
    assert [row["epoch"] for row in history] == ["0", "1"]
    assert set(history[0]) >= {"accuracy", "loss", "val_accuracy", "val_loss"}
