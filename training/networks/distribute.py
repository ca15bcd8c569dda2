"""Training in several processes, on one machine or more: each takes its share of the digits, all keep the same weights.

Keras 3's `fit` cannot run under `MultiWorkerMirroredStrategy` with more than one worker (keras-team/keras#20585). So
each process fits on its own, and only the step's gradients meet: they are averaged by that strategy's all-reduce.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Workers:
    """This process among all that train together; with the defaults, a process alone."""

    index: int = 0
    count: int = 1
    strategy: Any = None  # tf.distribute.MultiWorkerMirroredStrategy

    @classmethod
    def from_environment(cls) -> Workers:
        """The cluster that TF_CONFIG names. To be called before TensorFlow has computed anything."""
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if len(strategy.extended.worker_devices) > 1:
            raise ValueError("multiworker wants one process for each GPU: give each its own with CUDA_VISIBLE_DEVICES")
        return cls(strategy.cluster_resolver.task_id or 0, strategy.num_replicas_in_sync, strategy)

    def mean(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """Each value averaged over all workers. Every worker must call it, with values of the same shapes."""
        device = self.strategy.extended.worker_devices[0]

        def on_this_worker(values: list[tf.Tensor]) -> Any:
            with tf.device(device):  # the all-reduce wants tensors that are somewhere
                placed = [tf.identity(value) for value in values]
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, placed)

        means: list[tf.Tensor] = self.strategy.run(on_this_worker, args=(values,))
        return means


def train_together(model: keras.Model, workers: Workers) -> None:
    """From now on every step of `model` follows the mean gradient of all workers."""
    optimizer = model.optimizer
    apply = optimizer.apply
    # Batch normalisation's moving statistics too, or the workers would disagree on when to stop.
    statistics = [each for each in model.non_trainable_variables if each.dtype == "float32"]

    def apply_mean(gradients: list[tf.Tensor], variables: Any = None) -> None:
        means = workers.mean([*gradients, *(each.value for each in statistics)])
        apply(means[: len(gradients)], variables)
        for each, mean in zip(statistics, means[len(gradients) :], strict=True):
            each.assign(mean)

    # On this one optimizer and not in a class of its own: a saved model is then read without this module.
    optimizer.apply = apply_mean
