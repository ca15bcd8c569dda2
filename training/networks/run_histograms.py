"""How a run's weights and gradients are distributed, epoch by epoch, for TensorBoard."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from training.runs import LOGS_FOLDER


class RunHistograms(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Writes, after each epoch, a histogram of each layer's weights and of the loss's gradients by them.

    The gradients are those of the first batch with the weights that validation saw: averaged ones where the run keeps
    an average. They are computed as at inference, so that neither dropout's random numbers nor the statistics of batch
    normalisation change: a run with histograms ends with the same weights as one without.
    """

    def __init__(self, batches: keras.utils.PyDataset, run: Path) -> None:
        super().__init__()
        self.batches = batches
        self.writer = tf.summary.create_file_writer(str(run / LOGS_FOLDER / "histograms"))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        images, targets = self.batches[0][:2]
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(x=images, y=targets, y_pred=self.model(images, training=False))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        with self.writer.as_default(step=epoch):
            for variable, gradient in zip(variables, gradients, strict=True):
                tf.summary.histogram(f"weights/{variable.path}", variable.value)
                tf.summary.histogram(f"gradients/{variable.path}", gradient)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.writer.close()
