"""The Keras model of a published version, to continue training where the run that made it is gone.

In the ONNX graph, batch normalisation is folded into a factor and an offset. The model gets statistics back, measured
on given images, so that it computes the same as the graph and normalises again when it is trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import onnx
from numpy.typing import NDArray

from app.arrays import Images
from app.repository.manifest import GRAPH_FILE
from training.errors import DataError
from training.networks.architectures import build_network
from training.networks.sources import source_config

Weights = NDArray[np.float32]


class Affine(NamedTuple):
    """What a graph does after a product and before the activation: times the factor, plus the offset."""

    factor: Weights  # (channels,)
    offset: Weights  # (channels,)


class Product(NamedTuple):
    """A convolution or a dense layer of the graph."""

    kernel: Weights  # in Keras's axis order
    affine: Affine


def model_from_version(version: Path, images: Images) -> keras.Model:
    """The model with the graph's weights; its logits are the graph's before the temperature.

    `images` (n, 28, 28) are what the statistics are measured on: some thousands like those it will be trained on.
    Raises `DataError` if the version standardises its pixels or has another architecture than the code.
    """
    config = source_config(version)
    if config.standardise:
        raise DataError(f"{version} standardises its pixels, so training cannot start from it: name a run instead")
    model = build_network(config)
    layers = layers_of_type(model, keras.layers.Conv2D, keras.layers.Dense)
    products = find_products(onnx.load(version / GRAPH_FILE).graph)
    if [product.kernel.shape for product in products] != [tuple(layer.kernel.shape) for layer in layers]:
        raise DataError(f"{version} has an older architecture than {config.arch} has now: name a newer version")
    folded = []
    for layer, (kernel, affine) in zip(layers, products, strict=True):
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(affine.offset)
        else:
            folded.append(affine)
    restore_normalisation(model, folded, images)
    return model


def restore_normalisation(model: keras.Model, affines: list[Affine], images: Images) -> None:
    """Makes each batch normalisation compute its affine, with the statistics of these images."""
    layers = layers_of_type(model, keras.layers.BatchNormalization)
    for layer, (factor, offset) in zip(layers, affines, strict=True):
        identity = np.full_like(factor, 1 - layer.epsilon)  # the variance that divides by 1
        layer.set_weights([factor, offset, np.zeros_like(factor), identity])
    if not layers:
        return
    inputs = keras.Model(model.input, [layer.input for layer in layers]).predict(images, verbose=0)
    for layer, values, (factor, offset) in zip(layers, inputs, affines, strict=True):
        mean, variance = (statistic(values.astype(np.float32), axis=(0, 1, 2)) for statistic in (np.mean, np.var))
        layer.set_weights([factor * np.sqrt(variance + layer.epsilon), offset + factor * mean, mean, variance])


def layers_of_type(model: keras.Model, *types: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, types)]


def find_products(graph: onnx.GraphProto) -> list[Product]:
    """Each convolution and dense layer, in order."""
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products: list[Product] = []
    for node in graph.node:
        constants = [tensors[name] for name in node.input if name in tensors]
        if node.op_type in ("Conv", "MatMul"):
            kernel = constants[0].transpose(2, 3, 1, 0) if node.op_type == "Conv" else constants[0]
            offset = constants[1] if len(constants) > 1 else np.zeros(kernel.shape[-1], np.float32)
            products.append(Product(kernel, Affine(np.ones_like(offset), offset)))
        elif node.op_type in ("Mul", "Add") and products and constants[0].size > 1:  # the temperature has size 1
            product = products[-1]
            products[-1] = product._replace(affine=compose(product.affine, node.op_type, constants[0].reshape(-1)))
    return products


def compose(affine: Affine, operation: str, value: Weights) -> Affine:
    """The affine followed by a multiplication or an addition."""
    if operation == "Mul":
        return Affine(affine.factor * value, affine.offset * value)
    return Affine(affine.factor, affine.offset + value)
