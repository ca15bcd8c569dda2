"""A run: a frozen config in, a trained model and its history out.

A run folder holds `config.json`, `history.csv`, `model.keras` (averaged weights of the epoch that the config keeps),
`checkpoint.keras` (the last epoch, to resume from) and `logs/` for TensorBoard.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.repository.manifest import MANIFEST_FILE
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.distillation import synthetic_dataset as bank
from training.errors import DataError
from training.networks.architectures import ARCHITECTURES, Standardisation
from training.networks.distribute import Workers, train_together
from training.networks.from_onnx import network_of
from training.runs import completed_epochs, create_run, read_history
from training.synthesis.augment import distort

ALONE = Workers()


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """The training digits, shuffled and distorted afresh each epoch, by threads beside the training step.

    Every batch draws from a generator seeded by (seed, epoch, batch), so neither the order in which threads finish
    nor a resume changes what the network sees. Of several workers each gets every so-many-th digit of the same order.
    """

    def __init__(
        self,
        digits: Digits,
        config: TrainConfig,
        epoch: int = 0,
        among: Workers = ALONE,
    ) -> None:
        super().__init__(workers=2, max_queue_size=32)
        self.digits = digits
        self.config = config
        self.epoch = epoch
        self.among = among
        self.order = self._order()

    def _order(self) -> NDArray[np.intp]:
        order = np.random.default_rng((self.config.seed, self.epoch)).permutation(len(self.digits))
        share = len(order) // self.among.count  # the same for all, or one would wait for ever for the others' gradients
        return order[self.among.index :: self.among.count][:share]

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.config.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        size = self.config.batch_size
        batch = self.digits[self.order[index * size : (index + 1) * size]]
        images = batch.images
        if self.config.distortion is not None:
            rng = np.random.default_rng((self.config.seed, self.epoch, index * self.among.count + self.among.index))
            images = distort(images, self.config.distortion, rng)
        return images, one_hot(batch)

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self._order()


class BankBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Of each kind of a bank's pictures its share in every batch, other pictures each epoch, moved by some pixels."""

    def __init__(self, kinds: Sequence[bank.Bank], sizes: Sequence[int], config: TrainConfig, epoch: int = 0) -> None:
        """`sizes` are the pictures of each kind in a batch."""
        super().__init__(workers=1, max_queue_size=32)
        self.kinds = kinds
        self.sizes = sizes
        self.config = config
        self.epoch = epoch

    @classmethod
    def of(cls, config: TrainConfig, epoch: int) -> BankBatches:
        shares = {kind: float(share) for kind, _, share in (part.partition(":") for part in config.bank_parts)}
        ends = np.cumsum([0, *shares.values()]) / sum(shares.values()) * config.batch_size
        sizes = np.diff(np.rint(ends).astype(int)).tolist()
        return cls([bank.read(Path(config.bank), kind) for kind in shares], sizes, config, epoch)

    def __len__(self) -> int:
        return self.config.epoch_size // self.config.batch_size

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        parts = [kind[self._chosen(n, index)] for n, kind in enumerate(self.kinds)]
        images = np.concatenate([part.images for part in parts])
        targets = np.concatenate([part.targets for part in parts])
        rng = np.random.default_rng((self.config.seed, self.epoch, index))
        return moved(images, self.config.moved, rng), whole(targets[:, : 11 if self.config.options.rejects else 10])

    def _chosen(self, kind: int, index: int) -> NDArray[np.intp]:
        """All of a kind comes once before any of it comes again, but for what fills no batch."""
        size = self.sizes[kind]
        rounds, turn = divmod(self.epoch * len(self) + index, max(1, len(self.kinds[kind]) // size))
        return self._order(kind, rounds)[turn * size : (turn + 1) * size]

    @functools.lru_cache(maxsize=16)  # noqa: B019  # lives as long as the training
    def _order(self, kind: int, rounds: int) -> NDArray[np.intp]:
        return np.random.default_rng((self.config.seed, kind, rounds)).permutation(len(self.kinds[kind]))

    def on_epoch_end(self) -> None:
        self.epoch += 1


def whole(targets: bank.Targets) -> NDArray[np.float32]:
    """Rows that sum to 1 as float32 has it.

    The gradient of the cross entropy takes them to: what float16 rounded away would push all logits the same way at
    every step, which costs nothing and never ends. An mlp diverges by it.
    """
    shares = targets.astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def moved(images: NDArray[np.uint8], by: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each image moved along each axis by `by` pixels at most."""
    if not by:
        return images
    roomy = np.pad(images, ((0, 0), (by, by), (by, by)))
    places = rng.integers(0, 2 * by + 1, (len(images), 2))
    return np.stack([image[y : y + 28, x : x + 28] for image, (y, x) in zip(roomy, places, strict=True)])


def train(config: TrainConfig, data: Split, run: Path, *, resume: bool = False, verbose: str = "auto") -> keras.Model:
    """Trains by `config`, writes the run folder `run`, and returns the model of the epoch it keeps.

    Of several workers the first writes `run`, each other one a folder worker-N in it.
    """
    workers = Workers.from_environment() if config.distribute == "multiworker" else ALONE
    run = run / f"worker-{workers.index}" if workers.index else run
    keras.utils.set_random_seed(config.seed)
    if config.mixed_precision:
        on_gpu = tf.config.list_physical_devices("GPU")
        keras.mixed_precision.set_global_policy("mixed_float16" if on_gpu else "mixed_bfloat16")
    start = completed_epochs(run) if resume else 0
    create_run(run, config, fresh=start == 0)
    batches = batches_of(config, data, start, workers)
    with strategy(config).scope():
        if start:
            model = keras.models.load_model(run / "checkpoint.keras")
        else:
            model = build(config, data.train, steps_per_epoch=len(batches))
            if config.start_from:
                model.set_weights(beginning(Path(config.start_from), batches).get_weights())
    if workers.count > 1:
        train_together(model, workers)
    model.fit(
        batches,
        epochs=config.epochs,
        initial_epoch=start,
        validation_data=(data.validation.images, one_hot(data.validation, model.output_shape[-1])),
        validation_batch_size=500,
        callbacks=callbacks(config, run),
        verbose=verbose,
    )
    best: keras.Model = keras.models.load_model(run / "model.keras")
    return best


def beginning(start: Path, batches: keras.utils.PyDataset) -> keras.Model:
    """A run's network, or a published version's. Raises `DataError` if `start` is neither."""
    if (start / MANIFEST_FILE).exists():
        return network_of(start, np.concatenate([batches[index][0] for index in range(min(8, len(batches)))]))
    if not (start / "model.keras").exists():
        raise DataError(f"{start} is neither a run nor a version to start from: no model.keras, no {MANIFEST_FILE}")
    return keras.models.load_model(start / "model.keras", compile=False)


def batches_of(config: TrainConfig, data: Split, epoch: int, among: Workers) -> keras.utils.PyDataset:
    if config.bank:
        return BankBatches.of(config, epoch)
    return Batches(data.train, config, epoch, among)


def build(config: TrainConfig, digits: Digits, steps_per_epoch: int) -> keras.Model:
    """The compiled, untrained model."""
    standardisation = Standardisation.of(digits.images) if config.standardise else None
    model = ARCHITECTURES[config.arch](config.options, standardisation)
    model.compile(
        optimizer=optimizer(config, steps_per_epoch),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
    )
    return model


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
    """In this order: the checkpoint takes the raw weights, then the average is swapped in and judged."""
    history = read_history(run)
    best = min((float(row["val_loss"]) for row in history), default=None)
    average = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if config.ema_momentum else []
    return [
        keras.callbacks.ModelCheckpoint(str(run / "checkpoint.keras")),
        *average,
        keras.callbacks.ModelCheckpoint(
            str(run / "model.keras"),
            monitor="val_loss",
            save_best_only=config.keep == "best",
            initial_value_threshold=best,
        ),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=config.patience, baseline=best),
        keras.callbacks.CSVLogger(str(run / "history.csv"), append=bool(history)),
        keras.callbacks.TensorBoard(str(run / "logs"), write_graph=False),
    ]


def strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """How the step is spread over this process's devices."""
    return tf.distribute.MirroredStrategy() if config.distribute == "mirrored" else tf.distribute.get_strategy()


def one_hot(digits: Digits, classes: int = 10) -> NDArray[np.float32]:
    """(n, classes)"""
    return np.eye(classes, dtype=np.float32)[digits.labels]
