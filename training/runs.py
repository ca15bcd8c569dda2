"""A run's folder on disk: its config, its history and its checkpoints.

config.json        what the run is a function of
history.csv        one row an epoch
model.keras        the averaged weights of the epoch that the config keeps
checkpoint.keras   the last epoch, to resume from
logs/              for TensorBoard
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from training.config import TrainConfig


def create_run(run: Path, config: TrainConfig, *, fresh: bool) -> None:
    run.mkdir(parents=True, exist_ok=True)
    if fresh:
        for path in (run / "history.csv", run / "model.keras", run / "checkpoint.keras"):
            path.unlink(missing_ok=True)
    (run / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n")


def read_config(run: Path) -> TrainConfig:
    return TrainConfig.from_dict(json.loads((run / "config.json").read_text()))


def read_history(run: Path) -> list[dict[str, str]]:
    """One row an epoch: epoch, accuracy, loss, val_accuracy, val_loss, learning_rate."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def completed_epochs(run: Path) -> int:
    return len(read_history(run)) if (run / "checkpoint.keras").exists() else 0
