"""A run folder on disk. Each run has a folder of its own; nothing that a run has written is deleted by another command.

config.json             what the run is a function of
data.json               the data it learns from, counted and described when it started
history.csv             one row for each epoch
model.keras             the averaged weights of the epoch that the config keeps
checkpoint-NNNN.keras   all weights and the optimizer after NNNN epochs, to resume from
seen.png                images of the first batch, each with its target
logs/                   for TensorBoard

An epoch is complete once its checkpoint is there: history and model are written before it, all files atomically. A run
that is stopped at any moment is resumed with the epoch after its checkpoint, and ends as if it had not been stopped.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.config import TrainConfig
from training.errors import ConfigError, DataError, ExportError, RunError
from training.files import locked, write_atomically

CONFIG_FILE = "config.json"
DATA_FILE = "data.json"
HISTORY_FILE = "history.csv"
MODEL_FILE = "model.keras"
SEEN_FILE = "seen.png"
CHECKPOINT_FILES = "checkpoint-*.keras"
STAGED_FILE = ".checkpoint.part.keras"  # becomes the checkpoint when the rest of its epoch is written
LOGS_FOLDER = "logs"
WORKER_FOLDER = "worker-"  # with its number: the run folder of another worker than the first

HISTORY_COLUMNS = ("accuracy", "loss", "val_accuracy", "val_loss")  # that every row needs, beside the epoch

Row = dict[str, str]


# --- opening a run ---


@contextlib.contextmanager
def open_run(run: Path, config: TrainConfig, *, resume: bool = False) -> Iterator[int]:
    """Locks the run folder and yields the number of epochs that are complete.

    Raises `RunError` if the folder holds results and is not resumed, or if another process writes to it; `ConfigError`
    if a run is resumed with another config than its own; `DataError` if what it holds is damaged.
    """
    if resume:
        check_resumable(run, config)
    else:
        check_new(run)
    with locked(run):
        if resume:
            trim_history(run)
        else:
            check_new(run)  # another process may have finished in the meantime
            write_json(run / CONFIG_FILE, config.to_dict())
        yield completed_epochs(run)


def check_new(run: Path) -> None:
    """Raises `RunError` if the folder holds anything that could be lost."""
    if not run.exists():
        return
    if not run.is_dir():
        raise RunError(f"{run} is a file, not a folder: name a new folder with --out")
    results = [run / HISTORY_FILE, run / MODEL_FILE, *run.glob(CHECKPOINT_FILES)]
    if any(path.exists() for path in results):
        raise RunError(f"{run} holds a trained run: continue it with --resume, or name a new folder with --out")
    foreign = [path for path in run.iterdir() if not path.name.startswith(WORKER_FOLDER)]
    if foreign and not (run / CONFIG_FILE).exists():
        raise RunError(f"{run} is not empty and not a run: name a new folder with --out")


def check_resumable(run: Path, given: TrainConfig) -> None:
    """Raises `ConfigError` with every setting that differs from the run's own, `DataError` if a file is damaged."""
    own = read_config(run)
    differences = [
        f"{name} is {json.dumps(value)}, not {json.dumps(given.flat()[name])}"
        for name, value in own.flat().items()
        if given.flat()[name] != value
    ]
    if differences:
        raise ConfigError(
            f"{run} was started with another configuration ({'; '.join(differences)}): leave these options out to "
            f"resume it, or start a new run from it with --start-from {run} --out FOLDER"
        )
    history, epochs = read_history(run), completed_epochs(run)
    if len(history) < epochs:
        raise DataError(
            f"{run / HISTORY_FILE} has {len(history)} rows, but the checkpoint is of {epochs} epochs: restore it, or "
            f"start a new run from this one with --start-from {run} --out FOLDER"
        )
    newest = checkpoint(run)
    if newest:
        check_archive(newest)


# --- what a run folder holds ---


def read_config(run: Path) -> TrainConfig:
    """Raises `DataError`."""
    try:
        return TrainConfig.from_dict(read_json(run / CONFIG_FILE))
    except ConfigError as error:
        raise DataError(f"{run / CONFIG_FILE} is no configuration of this program: {error}") from error


def read_data(run: Path) -> dict[str, Any]:
    """The description of the data that the run learnt from. Raises `DataError`."""
    return read_json(run / DATA_FILE)


def read_history(run: Path) -> list[Row]:
    """One row for each epoch: epoch, accuracy, loss, val_accuracy, val_loss, learning_rate. Empty before the first.

    Raises `DataError` if a row is incomplete.
    """
    path = run / HISTORY_FILE
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        try:
            complete = int(row["epoch"]) == number
            [float(row[column]) for column in HISTORY_COLUMNS]
        except (KeyError, TypeError, ValueError):
            complete = False
        if not complete:
            raise DataError(f"{path} is damaged in its row of epoch {number}: restore it, or train into a new folder")
    return rows


def write_history(run: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["epoch", *HISTORY_COLUMNS])
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(text.getvalue(), run / HISTORY_FILE)


def trim_history(run: Path) -> None:
    """Removes the row of an epoch whose checkpoint was not written any more."""
    history, epochs = read_history(run), completed_epochs(run)
    if len(history) > epochs:
        write_history(run, history[:epochs])


def checkpoint(run: Path) -> Path | None:
    """The newest one."""
    return max(run.glob(CHECKPOINT_FILES), default=None)


def completed_epochs(run: Path) -> int:
    """The epochs that a resumed run need not repeat."""
    newest = checkpoint(run)
    try:
        return int(newest.stem.removeprefix("checkpoint-")) if newest else 0
    except ValueError as error:
        raise DataError(f"{newest} is not named by its number of epochs, as checkpoint-0012.keras") from error


def commit_checkpoint(run: Path, epochs: int) -> None:
    """Makes the staged checkpoint that of the run: the epoch is complete from now on."""
    before = list(run.glob(CHECKPOINT_FILES))
    newest = run / f"checkpoint-{epochs:04}.keras"
    (run / STAGED_FILE).replace(newest)
    for path in before:
        if path != newest:
            path.unlink()


def is_complete(config: TrainConfig, losses: Sequence[float]) -> bool:
    """Whether training ends after the epochs with these validation losses: all are done, or patience is exhausted."""
    if not losses:
        return False
    return len(losses) >= config.epochs or len(losses) - 1 - losses.index(min(losses)) >= config.patience


def validation_losses(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(row["val_loss"]) for row in rows]


def check_trained(run: Path) -> None:
    """Raises `ExportError` if the folder holds no trained model, `DataError` if what it holds is damaged."""
    if not all((run / name).exists() for name in (CONFIG_FILE, HISTORY_FILE, MODEL_FILE)):
        raise ExportError(f"{run} holds no trained model: make one with python -m training train --out {run}")
    read_config(run)
    read_history(run)
    check_archive(run / MODEL_FILE)


def check_archive(path: Path) -> None:
    """Raises `DataError` if a .keras file is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}): restore it, or train again into a new folder") from error
    if broken:
        raise DataError(f"{path} is damaged ({broken} in it): restore it, or train again into a new folder")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_atomically(json.dumps(values, indent=2) + "\n", path)


def read_json(path: Path) -> dict[str, Any]:
    """Raises `DataError` unless the file holds one JSON object."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: {path.parent} is not a run, or not a complete one") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} does not hold a JSON object")
    return values
