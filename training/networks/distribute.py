"""Data-parallel training in several processes, on one machine or more: the same weights as one process would have.

Keras 3's `fit` cannot run under `MultiWorkerMirroredStrategy` with more than one worker (keras-team/keras#20585). So
each process fits on its share of every batch, and that strategy's all-reduce averages the gradients of each step and
the moments of batch normalisation. Up to rounding, this is what one process computes on whole batches. Dropout is
random for each process.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.errors import ConfigError, RunError

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class TrainingWorker:
    """This process among all that train together."""

    index: int = 0
    count: int = 1
    strategy: Any = None  # tf.distribute.MultiWorkerMirroredStrategy; None for a single worker

    @classmethod
    def from_environment(cls) -> TrainingWorker:
        """A worker of the cluster in TF_CONFIG. To be called before TensorFlow has computed anything.

        Raises `ConfigError` if this process sees more than one GPU.
        """
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if len(strategy.extended.worker_devices) > 1:
            raise ConfigError("multiworker needs one process for each GPU: give each its own with CUDA_VISIBLE_DEVICES")
        return cls(strategy.cluster_resolver.task_id or 0, strategy.num_replicas_in_sync, strategy)

    def share(self, batch: NDArray[Scalar]) -> NDArray[Scalar]:
        """This worker's part of a batch, as large as that of every other."""
        return batch[self.index :: self.count]

    def all_reduce_mean(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """Each value averaged over all workers. Every worker must call it, with values of the same shapes."""
        device = self.strategy.extended.worker_devices[0]

        def on_this_worker(values: list[tf.Tensor]) -> Any:
            with tf.device(device):  # the all-reduce needs tensors that are placed on a device
                placed = [tf.identity(value) for value in values]
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, placed)

        means: list[tf.Tensor] = self.strategy.run(on_this_worker, args=(values,))
        return means

    def check_epoch(self, epoch: int) -> None:
        """Raises `RunError` unless all workers are to start with the same epoch."""
        if self.count > 1 and float(self.all_reduce_mean([tf.constant(float(epoch))])[0]) != epoch:
            raise RunError(f"this worker has completed {epoch} epochs, others have not: give all the same checkpoint")


SINGLE_WORKER = TrainingWorker()


def work_together(model: keras.Model, worker: TrainingWorker) -> None:
    """Makes every step of the compiled `model` one step of all workers on the whole batch."""
    if worker.count == 1:
        return
    optimizer = model.optimizer
    apply = optimizer.apply

    def apply_mean(gradients: list[tf.Tensor], variables: Any = None) -> None:
        apply(worker.all_reduce_mean(gradients), variables)

    # Replaced on these objects instead of in subclasses: a saved model can then be loaded without this module.
    optimizer.apply = apply_mean
    for layer in normalisations(model):
        layer._moments = functools.partial(shared_moments, layer._moments, worker)  # noqa: SLF001  # no public hook


def shared_moments(moments: Any, worker: TrainingWorker, inputs: tf.Tensor, mask: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance over the inputs of all workers."""
    mean, variance = moments(inputs, mask)
    mean, square = tf.unstack(mean_of_all(worker, tf.stack([mean, variance + mean**2])))
    return mean, square - mean**2


def mean_of_all(worker: TrainingWorker, values: tf.Tensor) -> tf.Tensor:
    """`values` averaged over all workers; the gradient flows to the values of all of them."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def mean(values: tf.Tensor) -> tuple[tf.Tensor, Any]:
        # Each worker's loss depends on every worker's values, and the loss of all is the mean of theirs: the gradients
        # of the workers' losses are averaged here and, with all others, in the optimizer.
        return worker.all_reduce_mean([values])[0], lambda upstream: worker.all_reduce_mean([upstream])[0]

    return mean(values)


def synchronise_normalisation(model: keras.Model) -> None:
    """For several devices of one process: Keras then averages the moments itself."""
    for layer in normalisations(model):
        layer.synchronized = True


def normalisations(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
