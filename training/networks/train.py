"""Training: a frozen config in, a run folder with the trained model and its history out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from app.repository.manifest import MANIFEST_FILE
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import DataError
from training.networks.architectures import ARCHITECTURES, Standardisation
from training.networks.batches import make_batches, one_hot
from training.networks.distribute import SINGLE_WORKER, TrainingWorker, share_gradients
from training.networks.from_onnx import model_from_version
from training.runs import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    LOGS_FOLDER,
    MODEL_FILE,
    completed_epochs,
    delete_results,
    read_history,
    write_config,
)

VALIDATION_BATCH_SIZE = 500  # images
STATISTICS_BATCHES = 8  # whose statistics the batch normalisation of a published version gets back


def train(config: TrainConfig, data: Split, run: Path, *, resume: bool = False, verbose: str = "auto") -> keras.Model:
    """Trains by `config`, writes the run folder `run`, and returns the model of the epoch that the config keeps.

    Of several workers the first writes `run`, every other one a folder worker-N in it. Raises `DataError` if the
    synthetic dataset, or the run or version to start from, is missing.
    """
    worker = join_workers(config)
    keras.utils.set_random_seed(config.seed)
    set_precision(config)
    run = run_folder(run, worker)
    epoch = open_run(run, config, resume=resume)
    batches = make_batches(config, data, epoch, worker)
    model = prepare_model(config, data.train, batches, run if epoch else None)
    if worker.count > 1:
        share_gradients(model, worker)
    model.fit(
        batches,
        epochs=config.epochs,
        initial_epoch=epoch,
        validation_data=(data.validation.images, one_hot(data.validation, model.output_shape[-1])),
        validation_batch_size=VALIDATION_BATCH_SIZE,
        callbacks=callbacks(config, run),
        verbose=verbose,
    )
    trained: keras.Model = keras.models.load_model(run / MODEL_FILE)
    return trained


# --- the steps, in this order ---


def join_workers(config: TrainConfig) -> TrainingWorker:
    """First of all: TensorFlow accepts a cluster only before it has computed anything."""
    return TrainingWorker.from_environment() if config.distribute == "multiworker" else SINGLE_WORKER


def set_precision(config: TrainConfig) -> None:
    if config.mixed_precision:
        on_gpu = tf.config.list_physical_devices("GPU")
        keras.mixed_precision.set_global_policy("mixed_float16" if on_gpu else "mixed_bfloat16")


def run_folder(run: Path, worker: TrainingWorker) -> Path:
    return run / f"worker-{worker.index}" if worker.index else run


def open_run(run: Path, config: TrainConfig, *, resume: bool) -> int:
    """Writes the config, and returns the epoch to start with: 0, unless a run is resumed."""
    epoch = completed_epochs(run) if resume else 0
    if epoch == 0:
        delete_results(run)
    write_config(run, config)
    return epoch


def prepare_model(
    config: TrainConfig, digits: Digits, batches: keras.utils.PyDataset, resumed: Path | None
) -> keras.Model:
    """The compiled model: of the run to resume, or new with random weights or those of `start_from`."""
    with strategy(config).scope():
        if resumed:
            return keras.models.load_model(resumed / CHECKPOINT_FILE)
        model = build(config, digits, steps_per_epoch=len(batches))
        if config.start_from:
            model.set_weights(load_trained(Path(config.start_from), batches).get_weights())
        return model


# --- what the steps are made of ---


def strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """How a step is spread over the GPUs that this process sees."""
    return tf.distribute.MirroredStrategy() if config.distribute == "mirrored" else tf.distribute.get_strategy()


def build(config: TrainConfig, digits: Digits, steps_per_epoch: int) -> keras.Model:
    """The compiled, untrained model. `digits` are used for the pixels' mean and deviation only."""
    standardisation = Standardisation.of(digits.images) if config.standardise else None
    model = ARCHITECTURES[config.arch](config.options, standardisation)
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
    return keras.models.load_model(source / MODEL_FILE, compile=False)


def optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        warmup = min(config.warmup_epochs, config.epochs - 1) * steps_per_epoch
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, config.epochs * steps_per_epoch - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
        )
    average = {"use_ema": True, "ema_momentum": config.ema_momentum} if config.ema_momentum else {}
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate, **average)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **average)


def callbacks(config: TrainConfig, run: Path) -> list[keras.callbacks.Callback]:
    """The order matters: the checkpoint saves the raw weights, then the averaged ones are swapped in and evaluated."""
    history = read_history(run)
    best = min((float(row["val_loss"]) for row in history), default=None)
    average = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if config.ema_momentum else []
    return [
        keras.callbacks.ModelCheckpoint(str(run / CHECKPOINT_FILE)),
        *average,
        keras.callbacks.ModelCheckpoint(
            str(run / MODEL_FILE),
            monitor="val_loss",
            save_best_only=config.keep == "best",
            initial_value_threshold=best,
        ),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=config.patience, baseline=best),
        keras.callbacks.CSVLogger(str(run / HISTORY_FILE), append=bool(history)),
        keras.callbacks.TensorBoard(str(run / LOGS_FOLDER), write_graph=False),
    ]
