"""Training: a frozen config in, a run folder with the trained model and its history out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from app.repository.manifest import MANIFEST_FILE
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.distillation.synthetic_dataset import describe
from training.errors import ConfigError, DataError, TrainingError
from training.files import atomic_path
from training.networks.architectures import Standardisation, build_network
from training.networks.batches import make_batches, one_hot
from training.networks.checks import check_training
from training.networks.distribute import SINGLE_WORKER, TrainingWorker, synchronise_normalisation, work_together
from training.networks.dropout import seed_dropout
from training.networks.from_onnx import model_from_version
from training.networks.pruning import copy_channels
from training.networks.run_histograms import RunHistograms
from training.networks.run_pictures import RunPictures
from training.runs import (
    DATA_FILE,
    LOGS_FOLDER,
    MODEL_FILE,
    STAGED_FILE,
    WORKER_FOLDER,
    Row,
    check_archive,
    checkpoint,
    commit_checkpoint,
    completed_epochs,
    is_complete,
    open_run,
    read_data,
    read_history,
    validation_losses,
    write_history,
    write_json,
)

VALIDATION_BATCH_SIZE = 500  # images
MOMENTUM = 0.9  # of sgd
STATISTICS_BATCHES = 8  # whose statistics the batch normalisation of a published version gets back


def train(
    config: TrainConfig, data: Split, run: Path, *, resume: bool = False, verbose: str | int = "auto"
) -> keras.Model:
    """Trains by `config`, writes the run folder `run`, and returns the model of the epoch that the config keeps.

    Of several workers the first writes `run`, every other one a folder worker-N in it. Raises `ConfigError` if the
    settings contradict each other or the run that is resumed, `RunError` if a run that is not resumed would overwrite
    one, `DataError` if the synthetic dataset, or the run or version to start from, is missing or damaged.
    """
    check_training(config, data)
    if config.privacy:
        raise ConfigError("a private configuration is trained with python -m training train --private only")
    worker = join_workers(config)
    data = data.without_fold(config.left_out_fold())
    be_deterministic(config)
    set_precision(config)
    run = run_folder(run, worker)
    with open_run(run, config, resume=resume) as epoch:
        worker.check_epoch(epoch)
        record_data(run, describe_data(config, data))
        if not is_complete(config, validation_losses(read_history(run))):
            batches = make_batches(config, data, epoch, worker)
            model = prepare_model(config, data.train, batches, run if epoch else None)
            work_together(model, worker)
            with errors_in_one_line():
                model.fit(
                    batches,
                    epochs=config.epochs,
                    initial_epoch=epoch,
                    validation_data=(data.validation.images, one_hot(data.validation, config.outputs)),
                    validation_batch_size=VALIDATION_BATCH_SIZE,
                    callbacks=callbacks(config, batches, data.validation, run),
                    shuffle=False,  # Keras would mix the batches by random numbers that a resumed run does not have
                    verbose=verbose,
                )
    return load_saved(run / MODEL_FILE)


# --- the steps, in this order ---


def join_workers(config: TrainConfig) -> TrainingWorker:
    """First of all: TensorFlow accepts a cluster only before it has computed anything."""
    return TrainingWorker.from_environment() if config.distribute == "multiworker" else SINGLE_WORKER


def be_deterministic(config: TrainConfig) -> None:
    """The same weights again on the same kind of machine: seeds, and sums in the same order."""
    keras.utils.set_random_seed(config.seed)
    if config.distribute == "none":  # several devices and workers add up gradients as they arrive
        tf.config.experimental.enable_op_determinism()


def set_precision(config: TrainConfig) -> None:
    if config.mixed_precision:
        on_gpu = tf.config.list_physical_devices("GPU")
        keras.mixed_precision.set_global_policy("mixed_float16" if on_gpu else "mixed_bfloat16")


def run_folder(run: Path, worker: TrainingWorker) -> Path:
    return run / f"{WORKER_FOLDER}{worker.index}" if worker.index else run


def describe_data(config: TrainConfig, data: Split) -> dict[str, Any]:
    """The sizes of MNIST's parts, and what the synthetic dataset holds if the run learns from one."""
    split = {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
    return {"split": split, **({"bank": describe(Path(config.bank))} if config.bank else {})}


def record_data(run: Path, description: dict[str, Any]) -> None:
    """Raises `DataError` if the run that is resumed has learnt from other data."""
    if completed_epochs(run) and read_data(run) != description:
        raise DataError(
            f"the data is no longer that of {run / DATA_FILE}: restore it, or start a new run from this one with "
            f"--start-from {run} --out FOLDER"
        )
    write_json(run / DATA_FILE, description)


def prepare_model(
    config: TrainConfig, digits: Digits, batches: keras.utils.PyDataset, resumed: Path | None
) -> keras.Model:
    """The compiled model: of the run to resume, or new with random weights or those of `start_from`."""
    with strategy(config).scope():
        newest = checkpoint(resumed) if resumed else None
        if newest:
            return load_saved(newest, compiled=True)
        model = build(config, digits, steps_per_epoch=len(batches))
        if config.start_from:
            copy_channels(load_trained(Path(config.start_from), batches), model, batches)
        return model


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Raises `TrainingError` for TensorFlow's errors, such as too little memory on a GPU."""
    try:
        yield
    except tf.errors.OpError as error:
        raise TrainingError(f"TensorFlow: {(error.message.splitlines() or ['unknown error'])[0]}") from error


# --- what the steps are made of ---


def strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """How a step is spread over the GPUs that this process sees."""
    return tf.distribute.MirroredStrategy() if config.distribute == "mirrored" else tf.distribute.get_strategy()


def build(config: TrainConfig, digits: Digits, steps_per_epoch: int) -> keras.Model:
    """The compiled, untrained model. `digits` are used for the pixels' mean and deviation only."""
    standardisation = Standardisation.of(digits.images) if config.standardise else None
    model = build_network(config, standardisation)
    if config.distribute == "mirrored":
        synchronise_normalisation(model)
    model.compile(
        optimizer=optimizer(config, steps_per_epoch),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
    )
    return model


def load_trained(source: Path, batches: keras.utils.PyDataset) -> keras.Model:
    """The network of a run, or of a published version with the statistics of the first batches.

    Raises `DataError` if `source` is neither.
    """
    if (source / MANIFEST_FILE).exists():
        count = min(STATISTICS_BATCHES, len(batches))
        return model_from_version(source, np.concatenate([batches[index][0] for index in range(count)]))
    if not (source / MODEL_FILE).exists():
        raise DataError(f"{source} is neither a run nor a version to start from: no {MODEL_FILE}, no {MANIFEST_FILE}")
    return load_saved(source / MODEL_FILE)


def load_saved(path: Path, *, compiled: bool = False) -> keras.Model:
    """Raises `DataError` if the file is damaged."""
    check_archive(path)
    try:
        return keras.models.load_model(path, compile=compiled)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a model that this version of Keras can load: {reason}") from error


def optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        warmup = min(config.warmup_epochs, config.epochs - 1) * steps_per_epoch
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, config.epochs * steps_per_epoch - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
        )
    average = {"use_ema": True, "ema_momentum": config.ema_momentum} if config.ema_momentum else {}
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=MOMENTUM, **average)
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate, **average)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **average)


def callbacks(
    config: TrainConfig, batches: keras.utils.PyDataset, validation: Digits, run: Path
) -> list[keras.callbacks.Callback]:
    """The order matters: the checkpoint has the raw weights, then the averaged ones are swapped in and kept."""
    average = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if config.ema_momentum else []
    return [
        DropoutSeeds(config.seed),
        keras.callbacks.ModelCheckpoint(str(run / STAGED_FILE)),
        *average,
        keras.callbacks.TensorBoard(str(run / LOGS_FOLDER)),
        # In the folder above the curves': TensorBoard then shows these beside the settings, run by run.
        hparams.KerasCallback(str(run / LOGS_FOLDER), {name: plain(value) for name, value in config.flat().items()}),
        RunHistograms(batches, run),
        EpochWriter(config, run),
        RunPictures(config, batches, validation, run),
    ]


def plain(value: object) -> bool | int | float | str:
    """What TensorBoard takes for a hyper-parameter."""
    if isinstance(value, bool | int | float | str):
        return value
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class DropoutSeeds(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Makes dropout a function of the seed and the epoch: Keras does not save the state of its random numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seed_dropout(self.model, self.seed, epoch)


class EpochWriter(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Writes what an epoch leaves in the run folder, and ends the training when it is complete.

    All that it decides follows from the history, so that a resumed run decides as an unbroken one does.
    """

    def __init__(self, config: TrainConfig, run: Path) -> None:
        super().__init__()
        self.config = config
        self.run = run
        self.history: list[Row] = read_history(run)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = {"epoch": str(epoch), **{name: str(float(value)) for name, value in sorted((logs or {}).items())}}
        losses = validation_losses([*self.history, row])
        if not math.isfinite(losses[-1]):
            raise ConfigError(
                f"the validation loss of epoch {epoch} is {losses[-1]}: train with a lower --learning-rate in a new "
                "folder; epochs before it are kept"
            )
        if self.config.keep == "last" or losses[-1] < min(losses[:-1], default=math.inf):
            with atomic_path(self.run / MODEL_FILE) as part:
                self.model.save(part)
        self.history.append(row)
        write_history(self.run, self.history)
        commit_checkpoint(self.run, len(self.history))
        self.model.stop_training = is_complete(self.config, losses)
