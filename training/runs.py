"""A run folder on disk.

config.json        what the run is a function of
history.csv        one row for each epoch
model.keras        the averaged weights of the epoch that the config keeps
checkpoint.keras   the last epoch, to resume from
logs/              for TensorBoard
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from training.config import TrainConfig

CONFIG_FILE = "config.json"
HISTORY_FILE = "history.csv"
MODEL_FILE = "model.keras"
CHECKPOINT_FILE = "checkpoint.keras"
LOGS_FOLDER = "logs"


def write_config(run: Path, config: TrainConfig) -> None:
    """Makes the run folder if it does not exist."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CONFIG_FILE).write_text(json.dumps(config.to_dict(), indent=2) + "\n")


def read_config(run: Path) -> TrainConfig:
    return TrainConfig.from_dict(json.loads((run / CONFIG_FILE).read_text()))


def delete_results(run: Path) -> None:
    """Deletes the history, model and checkpoint of an earlier run in the same folder."""
    for name in (HISTORY_FILE, MODEL_FILE, CHECKPOINT_FILE):
        (run / name).unlink(missing_ok=True)


def read_history(run: Path) -> list[dict[str, str]]:
    """One row for each epoch: epoch, accuracy, loss, val_accuracy, val_loss, learning_rate. Empty before the first."""
    path = run / HISTORY_FILE
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def completed_epochs(run: Path) -> int:
    """The epochs that a resumed run need not repeat: 0 without a checkpoint."""
    return len(read_history(run)) if (run / CHECKPOINT_FILE).exists() else 0
