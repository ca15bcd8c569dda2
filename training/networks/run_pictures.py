"""What people see of a run in TensorBoard besides its curves: the data seen, the digits misread, their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from training.config import TrainConfig
from training.datasets.mnist import Digits
from training.files import atomic_path
from training.image_grid import draw_grid
from training.networks.batches import FloatTargets
from training.networks.run_embedding import write_embedding
from training.runs import LOGS_FOLDER, SEEN_FILE

SHOWN = 96  # images of a grid at most
BATCH_SIZE = 500  # images


class RunPictures(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Draws the first batch when a run starts, and when it ends the misread validation digits and the projector's."""

    def __init__(self, config: TrainConfig, batches: keras.utils.PyDataset, validation: Digits, run: Path) -> None:
        super().__init__()
        self.config = config
        self.batches = batches
        self.validation = validation
        self.run = run
        self.logs = run / LOGS_FOLDER / "pictures"
        self.writer = tf.summary.create_file_writer(str(self.logs))

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if (self.run / SEEN_FILE).exists():  # a resumed run
            return
        images, targets = (part[:SHOWN] for part in self.batches[0])
        seen = draw_grid(images, captions(targets, self.config.labels))
        with atomic_path(self.run / SEEN_FILE) as part:
            seen.save(part)
        with self.writer.as_default(step=0):
            tf.summary.image("data seen, with the largest target", as_tensor(seen))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        predicted = self.model.predict(self.validation.images, batch_size=BATCH_SIZE, verbose=0).argmax(axis=1)
        (misread,) = np.nonzero(predicted != self.validation.labels)
        names = [*self.config.labels, "x"]
        shown = misread[:SHOWN]
        texts = [f"{names[self.validation.labels[index]]} as {names[predicted[index]]}" for index in shown]
        with self.writer.as_default(step=self.config.epochs):
            title = f"{len(misread)} of {len(predicted):,} validation digits misread"
            tf.summary.image(
                "misread validation digits",
                as_tensor(draw_grid(self.validation.images[shown], texts)),
                description=title,
            )
        self.writer.close()
        write_embedding(self.model, self.validation, self.config.labels, self.logs)


def captions(targets: FloatTargets, labels: Sequence[str]) -> list[str]:
    """The label with the largest target, and that target in per cent unless it is all; x for a non-digit."""
    names = [*labels, "x"]
    return [names[row.argmax()] if row.max() > 0.995 else f"{names[row.argmax()]}: {row.max():.0%}" for row in targets]


def as_tensor(picture: Image.Image) -> NDArray[np.uint8]:
    """(1, height, width, 1)"""
    return np.asarray(picture, np.uint8)[None, :, :, None]
