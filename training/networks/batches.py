"""The batches that a network learns from: images (n, 28, 28) uint8 with targets (n, classes) float32."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Images
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.distillation.soft_targets import Targets
from training.distillation.synthetic_dataset import Examples, load_examples
from training.networks.distribute import SINGLE_WORKER, TrainingWorker
from training.synthesis.augment import distort

FloatTargets = NDArray[np.float32]  # (n, classes): rows sum to 1
Batch = tuple[Images, FloatTargets]

QUEUE_SIZE = 32  # batches that are made ahead of the training step


def make_batches(config: TrainConfig, data: Split, epoch: int, worker: TrainingWorker) -> keras.utils.PyDataset:
    """The batches from `epoch` on: of the synthetic dataset if the config names one, else of MNIST's digits.

    Raises `DataError` if the synthetic dataset is missing.
    """
    if config.bank:
        return SyntheticBatches.load(config, epoch, worker)
    return DigitBatches(data.train, config, epoch, worker)


class DigitBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """MNIST's training digits, shuffled and distorted anew each epoch, by threads beside the training step.

    Each batch has a generator seeded by (seed, epoch, batch), so neither the order in which threads finish nor a
    resumed run changes what the network sees. Each worker gets its share of every batch. The digits that are left
    after the last whole batch of an epoch are not seen in it: all steps are equally large, for one worker and for many.
    """

    def __init__(
        self, digits: Digits, config: TrainConfig, epoch: int = 0, worker: TrainingWorker = SINGLE_WORKER
    ) -> None:
        super().__init__(workers=2, max_queue_size=QUEUE_SIZE)
        self.digits = digits
        self.config = config
        self.epoch = epoch
        self.worker = worker
        self.order = self._shuffle()

    def _shuffle(self) -> NDArray[np.intp]:
        return np.random.default_rng((self.config.seed, self.epoch)).permutation(len(self.digits))

    def __len__(self) -> int:
        return len(self.order) // self.config.batch_size

    def __getitem__(self, index: int) -> Batch:
        size = self.config.batch_size
        digits = self.digits[self.order[index * size : (index + 1) * size]]
        images = digits.images
        if self.config.distortion is not None:
            images = distort(images, self.config.distortion, self._generator(index))
        return self.worker.share(images), self.worker.share(one_hot(digits, self.config.outputs))

    def _generator(self, index: int) -> np.random.Generator:
        return np.random.default_rng((self.config.seed, self.epoch, index))

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self._shuffle()


class SyntheticBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """A share of each kind of the synthetic dataset in every batch; other images each epoch, slightly shifted."""

    def __init__(
        self,
        kinds: Sequence[Examples],
        sizes: Sequence[int],
        config: TrainConfig,
        epoch: int = 0,
        worker: TrainingWorker = SINGLE_WORKER,
    ) -> None:
        """`sizes` holds the number of images of each kind in a batch. Each worker gets its share of every batch."""
        super().__init__(workers=1, max_queue_size=QUEUE_SIZE)
        self.kinds = kinds
        self.sizes = sizes
        self.config = config
        self.epoch = epoch
        self.worker = worker

    @classmethod
    def load(cls, config: TrainConfig, epoch: int, worker: TrainingWorker = SINGLE_WORKER) -> SyntheticBatches:
        """Raises `DataError` if a kind is missing."""
        shares = config.bank_shares()
        ends = np.cumsum([0, *shares.values()]) / sum(shares.values()) * config.batch_size
        sizes = np.diff(np.rint(ends).astype(int)).tolist()
        return cls([load_examples(Path(config.bank), kind) for kind in shares], sizes, config, epoch, worker)

    def __len__(self) -> int:
        return self.config.epoch_size // self.config.batch_size

    def __getitem__(self, index: int) -> Batch:
        parts = [examples[self._choose(kind, index)] for kind, examples in enumerate(self.kinds)]
        images = np.concatenate([part.images for part in parts])
        targets = np.concatenate([part.targets for part in parts])
        rng = np.random.default_rng((self.config.seed, self.epoch, index))
        images = shift_randomly(images, self.config.moved, rng)
        return self.worker.share(images), self.worker.share(normalize_rows(targets[:, : self.config.outputs]))

    def _choose(self, kind: int, index: int) -> NDArray[np.intp]:
        """All images of a kind come once before any comes again, except a remainder that does not fill a batch."""
        size = self.sizes[kind]
        turns = max(1, len(self.kinds[kind]) // size)
        round_, turn = divmod(self.epoch * len(self) + index, turns)
        return self._shuffle(kind, round_)[turn * size : (turn + 1) * size]

    @functools.lru_cache(maxsize=16)  # noqa: B019  # lives as long as the training
    def _shuffle(self, kind: int, round_: int) -> NDArray[np.intp]:
        return np.random.default_rng((self.config.seed, kind, round_)).permutation(len(self.kinds[kind]))

    def on_epoch_end(self) -> None:
        self.epoch += 1


def normalize_rows(targets: Targets) -> FloatTargets:
    """Rows that sum to 1 in float32.

    The cross entropy's gradient assumes it: what float16 rounded away would push all logits in the same direction at
    every step, at no cost and without end, and an mlp diverges.
    """
    shares = targets.astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def shift_randomly(images: Images, by: int, rng: np.random.Generator) -> Images:
    """Each image shifted along each axis by at most `by` whole pixels."""
    if not by:
        return images
    padded = np.pad(images, ((0, 0), (by, by), (by, by)))
    corners = rng.integers(0, 2 * by + 1, (len(images), 2))
    pairs = zip(padded, corners, strict=True)
    return np.stack([image[y : y + IMAGE_SIZE, x : x + IMAGE_SIZE] for image, (y, x) in pairs])


def one_hot(digits: Digits, classes: int = 10) -> FloatTargets:
    """(n, classes)"""
    return np.eye(classes, dtype=np.float32)[digits.labels]
