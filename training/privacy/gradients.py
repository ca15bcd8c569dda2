"""The clipped gradients of dense layers, summed over a batch, without a gradient for each example.

A dense layer's gradient for one example is the product of its input and of the error at its output, so the square of
its norm is the product of theirs; of a sum over copies, the sum of such products over all pairs of copies. Source:
Goodfellow, Efficient per-example gradient computations, 2015; Lee and Kifer, Scaling up differentially private deep
learning with fast per-example gradient clipping, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Tensors = list[Any]  # TensorFlow's

TINY = 1e-12  # of a squared norm: an example without a gradient would be scaled by infinity, to NaN


class DenseGradients:
    """Of the cross-entropy of a chain of layers, with respect to its dense ones, each example's clipped on its own."""

    def __init__(self, layers: Sequence[keras.layers.Layer], clipping_norm: float) -> None:
        """Raises `ValueError` if layers of another kind have weights, or a dense layer an activation of its own."""
        self.layers = layers
        self.dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
        if any(layer.weights and layer not in self.dense for layer in layers):
            raise ValueError("only dense layers can be trained privately")
        if any(layer.activation is not keras.activations.linear for layer in self.dense):
            raise ValueError("activations must be layers of their own")
        self.clipping_norm = clipping_norm

    @property
    def weights(self) -> Tensors:
        """The kernel and, if it has one, the bias of each dense layer, in order."""
        return [weight for layer in self.dense for weight in layer.trainable_weights]

    def clipped_sum(self, features: Any, labels: Any) -> Tensors:
        """(n, copies, ...), (n,) integers -> the sum of the examples' gradients, each scaled down to the clipping norm.

        An example's gradient is the mean over its copies. Source: De et al., Unlocking high-accuracy differentially
        private image classification through scale, 2022.
        """
        copies = features.shape[1]
        features = tf.reshape(features, (-1, *features.shape[2:]))
        inputs, outputs = [], []
        with tf.GradientTape() as tape:
            x = features
            for layer in self.layers:
                if layer in self.dense:
                    inputs.append(x)
                x = layer(x)
                if layer in self.dense:
                    outputs.append(x)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.repeat(labels, copies), x) / copies
        # No example's loss depends on another example: the gradient of their sum has each example's own in its rows.
        return self._sum_of_products(inputs, tape.gradient(losses, outputs), copies)

    def _sum_of_products(self, inputs: Tensors, errors: Tensors, copies: int) -> Tensors:
        squares = [
            tf.reduce_sum(products(error, copies) * (products(input_, copies) + float(layer.use_bias)), axis=(1, 2))
            for layer, input_, error in zip(self.dense, inputs, errors, strict=True)
        ]
        scale = tf.minimum(1.0, self.clipping_norm / tf.sqrt(tf.maximum(tf.add_n(squares), TINY)))
        sums: Tensors = []
        for layer, input_, error in zip(self.dense, inputs, errors, strict=True):
            scaled = error * tf.repeat(scale, copies)[:, None]
            sums.append(tf.matmul(input_, scaled, transpose_a=True))
            if layer.use_bias:
                sums.append(tf.reduce_sum(scaled, axis=0))
        return sums


def products(rows: Any, copies: int) -> Any:
    """(n * copies, width) -> (n, copies, copies): of each example's copies with one another."""
    of_each = tf.reshape(rows, (-1, copies, rows.shape[-1]))
    return tf.matmul(of_each, of_each, transpose_b=True)
