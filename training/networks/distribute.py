"""Data-parallel training in several processes, on one machine or more: shared gradients, the same weights everywhere.

Keras 3's `fit` cannot run under `MultiWorkerMirroredStrategy` with more than one worker (keras-team/keras#20585). So
each process fits on its own, and only the gradients of each step are averaged, by that strategy's all-reduce.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class TrainingWorker:
    """This process among all that train together."""

    index: int = 0
    count: int = 1
    strategy: Any = None  # tf.distribute.MultiWorkerMirroredStrategy; None for a single worker

    @classmethod
    def from_environment(cls) -> TrainingWorker:
        """A worker of the cluster in TF_CONFIG. To be called before TensorFlow has computed anything.

        Raises `ValueError` if this process sees more than one GPU.
        """
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if len(strategy.extended.worker_devices) > 1:
            raise ValueError("multiworker needs one process for each GPU: give each its own with CUDA_VISIBLE_DEVICES")
        return cls(strategy.cluster_resolver.task_id or 0, strategy.num_replicas_in_sync, strategy)

    def all_reduce_mean(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """Each value averaged over all workers. Every worker must call it, with values of the same shapes."""
        device = self.strategy.extended.worker_devices[0]

        def on_this_worker(values: list[tf.Tensor]) -> Any:
            with tf.device(device):  # the all-reduce needs tensors that are placed on a device
                placed = [tf.identity(value) for value in values]
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, placed)

        means: list[tf.Tensor] = self.strategy.run(on_this_worker, args=(values,))
        return means


SINGLE_WORKER = TrainingWorker()


def share_gradients(model: keras.Model, worker: TrainingWorker) -> None:
    """Makes every step of the compiled `model` apply the mean gradient of all workers."""
    optimizer = model.optimizer
    apply = optimizer.apply
    # Batch normalisation's moving statistics are averaged too, or the workers would disagree on when to stop.
    statistics = [variable for variable in model.non_trainable_variables if variable.dtype == "float32"]

    def apply_mean(gradients: list[tf.Tensor], variables: Any = None) -> None:
        means = worker.all_reduce_mean([*gradients, *(variable.value for variable in statistics)])
        apply(means[: len(gradients)], variables)
        for variable, mean in zip(statistics, means[len(gradients) :], strict=True):
            variable.assign(mean)

    # Replaced on this object instead of in a subclass: a saved model can then be loaded without this module.
    optimizer.apply = apply_mean
