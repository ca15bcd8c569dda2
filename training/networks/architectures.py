"""The architectures, by name: each maps `image` uint8 (batch, 28, 28) to logits float32 (batch, outputs).

To add one, write its function and put it into the table at the end: the command line, training, export and model card
take it from there. Keras is imported where a network is built, so that the command line can list them at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.arrays import CLASSES, Images
from training.config import Options, TrainConfig

if TYPE_CHECKING:
    import keras

MLP = (128, 64, 32)  # units
CNN = (16, 32, 32, 64, 80, 128)  # channels, as of the other convolutional networks
CNN_STRIDED = (16, 32, 56, 72, 112)
CNN_SMALL = (16, 32, 64)
CNN_WIDE = (32, 64, 64, 128, 160, 256)
MLP_PARAMETERS = 111_146  # 784*128+128 + 128*64+64 + 64*32+32 + 32*10+10


@dataclass(frozen=True)
class Standardisation:
    """Per-pixel mean and standard deviation of the training images, which the textbook recipe normalises with."""

    mean: NDArray[np.float32]  # (784,)
    deviation: NDArray[np.float32]  # (784,)

    @classmethod
    def of(cls, images: Images) -> Standardisation:
        flat = images.reshape(len(images), -1).astype(np.float32) / 255
        return cls(flat.mean(axis=0), flat.std(axis=0))

    def layer(self) -> keras.layers.Layer:
        from keras import layers

        # 67 of MNIST's pixels never vary: a scale of zero leaves them at zero, on any picture.
        scale = np.divide(1, self.deviation, out=np.zeros_like(self.deviation), where=self.deviation > 0)
        # Rescaling instead of Normalization, whose tensors the export would turn into inputs of the graph.
        return layers.Rescaling(scale.tolist(), (-self.mean * scale).tolist(), name="standardise")


def mlp(options: Options, standardisation: Standardisation | None = None, outputs: int = CLASSES) -> keras.Model:
    """The textbook's network: dense layers of 128, 64, 32 and 10 units on the flattened image; 111,146 parameters."""
    import keras
    from keras import layers, ops

    image = keras.Input((28, 28), dtype="uint8", name="image")
    # ops.reshape instead of Flatten, which is exported as seven nodes instead of one.
    x = ops.reshape(layers.Rescaling(1 / 255)(image), (-1, 784))
    if standardisation:
        x = standardisation.layer()(x)
    for units in options.widths or MLP:
        x = layers.Dense(units, kernel_regularizer=_l2(options), use_bias=not options.batch_normalization)(x)
        x = _activate(x, options)
        x = layers.Dropout(options.dropout)(x) if options.dropout else x
    return keras.Model(image, _logits(x, options, outputs), name="mlp")


def cnn(
    options: Options,
    standardisation: Standardisation | None = None,
    outputs: int = CLASSES,
    *,
    widths: Sequence[int] = CNN,
) -> keras.Model:
    """A small convolutional network; of the widths `CNN`, 5.9 million multiply-adds an image, under 1 MB as float32.

    Raises `ValueError` for a standardisation.
    """
    import keras
    from keras import layers, ops

    image, x = _grayscale(standardisation)
    first, second, third, fourth, fifth, sixth = options.widths or widths
    # Pooled before normalisation and activation: a quarter of their work, and nearly the same, as they are monotonic.
    # 28 x 28 -> 14 x 14
    x = _activate(layers.MaxPooling2D()(_convolve(x, options, first, 5, padding="same")), options)
    x = _activate(_convolve(x, options, second, 3, padding="same"), options)
    x = _activate(layers.MaxPooling2D()(_convolve(x, options, third, 3, padding="same")), options)  # -> 7 x 7
    x = _activate(_convolve(x, options, fourth, 3, padding="same"), options)
    x = _activate(_convolve(x, options, fifth, 3, padding="valid"), options)  # -> 5 x 5
    x = _activate(_convolve(x, options, sixth, 3, padding="valid"), options)  # -> 3 x 3
    x = ops.reshape(x, (-1, 9 * sixth))
    return keras.Model(image, _logits(x, options, outputs), name="cnn")


def cnn_strided(
    options: Options, standardisation: Standardisation | None = None, outputs: int = CLASSES
) -> keras.Model:
    """The `cnn` with 3.3 million multiply-adds: the first layer skips every second pixel and column.

    On one core of a CPU it takes half of the time of `cnn`, and a quarter of that as int8. Every normalisation follows
    its convolution, so that both become one product in the graph.

    Raises `ValueError` for a standardisation.
    """
    import keras
    from keras import layers, ops

    image, x = _grayscale(standardisation)
    first, second, third, fourth, fifth = options.widths or CNN_STRIDED
    x = _activate(_convolve(x, options, first, 5, padding="same", strides=2), options)  # 28 x 28 -> 14 x 14
    x = layers.MaxPooling2D()(_activate(_convolve(x, options, second, 3, padding="same"), options))  # -> 7 x 7
    x = _activate(_convolve(x, options, third, 3, padding="same"), options)
    x = _activate(_convolve(x, options, fourth, 3, padding="valid"), options)  # -> 5 x 5
    x = _activate(_convolve(x, options, fifth, 3, padding="valid"), options)  # -> 3 x 3
    x = ops.reshape(x, (-1, 9 * fifth))
    return keras.Model(image, _logits(x, options, outputs), name="cnn_strided")


def cnn_small(options: Options, standardisation: Standardisation | None = None, outputs: int = CLASSES) -> keras.Model:
    """Three convolutions, the first two with stride 2: 0.8 million multiply-adds and 39,562 parameters.

    For federated training, where each client computes little and sends all weights in every round.

    Raises `ValueError` for a standardisation.
    """
    import keras
    from keras import ops

    image, x = _grayscale(standardisation)
    first, second, third = options.widths or CNN_SMALL
    x = _activate(_convolve(x, options, first, 5, padding="same", strides=2), options)  # 28 x 28 -> 14 x 14
    x = _activate(_convolve(x, options, second, 3, padding="same", strides=2), options)  # -> 7 x 7
    x = _activate(_convolve(x, options, third, 3, padding="valid"), options)  # -> 5 x 5
    x = ops.reshape(x, (-1, 25 * third))
    return keras.Model(image, _logits(x, options, outputs), name="cnn_small")


def _grayscale(standardisation: Standardisation | None) -> tuple[Any, Any]:
    """The input, uint8 (batch, 28, 28), and its values from 0 to 1 with an axis for channels.

    Raises `ValueError` for a standardisation.
    """
    import keras
    from keras import layers, ops

    if standardisation:
        raise ValueError("standardisation is for the mlp; the cnn has batch normalisation instead")
    image = keras.Input((28, 28), dtype="uint8", name="image")
    return image, ops.expand_dims(layers.Rescaling(1 / 255)(image), -1)


def _convolve(x: Any, options: Options, filters: int, size: int, **geometry: Any) -> Any:
    """`geometry`: strides and padding, as Keras has them."""
    from keras import layers

    bias = not options.batch_normalization
    return layers.Conv2D(filters, size, use_bias=bias, kernel_regularizer=_l2(options), **geometry)(x)


def _activate(x: Any, options: Options) -> Any:
    from keras import layers

    if options.batch_normalization:
        x = layers.BatchNormalization()(x)
    return layers.Activation(options.activation)(x)


def _logits(x: Any, options: Options, outputs: int) -> Any:
    from keras import layers

    if options.dropout:
        x = layers.Dropout(options.dropout)(x)
    # float32 whatever the precision policy: logits in half precision are too coarse for calibration.
    return layers.Dense(outputs, dtype="float32", name="logits")(x)


def _l2(options: Options) -> Any:
    import keras

    return keras.regularizers.L2(options.l2) if options.l2 else None


# --- the table ---


class Architecture(NamedTuple):
    build: Callable[[Options, Standardisation | None, int], keras.Model]  # the last one is the number of logits
    description: str  # in the model card: "Reads one handwritten digit: ... as an ONNX graph."
    widths: tuple[int, ...]  # channels or units of each layer but the last, unless the options say otherwise
    standardises: bool = False  # whether it takes a standardisation


ARCHITECTURES = {
    "mlp": Architecture(mlp, "a fully connected network", MLP, standardises=True),
    "cnn": Architecture(cnn, "a small convolutional network", CNN),
    "cnn-strided": Architecture(
        cnn_strided, "a small convolutional network whose first layer has stride 2", CNN_STRIDED
    ),
    "cnn-small": Architecture(cnn_small, "three convolutions, two of them with stride 2", CNN_SMALL),
    # Four times the work: for teachers, which are not served.
    "cnn-wide": Architecture(
        functools.partial(cnn, widths=CNN_WIDE),
        "a convolutional network, twice as wide as the small one",
        CNN_WIDE,
    ),
}


def build_network(config: TrainConfig, standardisation: Standardisation | None = None) -> keras.Model:
    """The untrained network of a configuration."""
    return ARCHITECTURES[config.arch].build(config.options, standardisation, config.outputs)


def widths_of(config: TrainConfig) -> tuple[int, ...]:
    """The channels or units of each layer but the last."""
    return config.options.widths or ARCHITECTURES[config.arch].widths
