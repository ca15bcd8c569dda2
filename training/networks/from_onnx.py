"""The network of a published version, to go on learning from where the run that made it is no longer there.

A graph holds batch normalisation as what is left of it, a factor and an offset. They are given back the statistics of
pictures read now, so that it computes the same as the graph and normalises as before when it learns.
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import onnx
from numpy.typing import NDArray

from app.arrays import Images
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from training.config import TrainConfig
from training.errors import DataError
from training.networks.architectures import ARCHITECTURES

Weights = NDArray[np.float32]
Product = tuple[Weights, Weights, Weights]  # a kernel as Keras has it; (channels,) a factor and an offset


def network_of(version: Path, images: Images) -> keras.Model:
    """`images` are what the statistics are of: some thousands like those that it will learn from.

    Its logits are the graph's before the temperature. Raises `DataError` if the version cannot be gone on from.
    """
    config = TrainConfig.from_dict(json.loads((version / MANIFEST_FILE).read_text())["config"])
    if config.standardise:
        raise DataError(f"{version} standardises its pixels, which cannot be gone on from: name a run instead")
    model = ARCHITECTURES[config.arch](config.options, None)
    layers = of_type(model, keras.layers.Conv2D, keras.layers.Dense)
    found = products(onnx.load(version / GRAPH_FILE).graph)
    if [kernel.shape for kernel, _, _ in found] != [tuple(layer.kernel.shape) for layer in layers]:
        raise DataError(f"{version} is of an older architecture than {config.arch} is now: name a newer version")
    normalised = []
    for layer, (kernel, factor, offset) in zip(layers, found, strict=True):
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(offset)
        else:
            normalised.append((factor, offset))
    normalise(model, normalised, images)
    return model


def normalise(model: keras.Model, affines: list[tuple[Weights, Weights]], images: Images) -> None:
    """Sets each batch normalisation to compute a factor and an offset, with the statistics of these images."""
    layers = of_type(model, keras.layers.BatchNormalization)
    for layer, (factor, offset) in zip(layers, affines, strict=True):
        unit = np.full_like(factor, 1 - layer.epsilon)  # the variance that divides by 1
        layer.set_weights([factor, offset, np.zeros_like(factor), unit])
    if not layers:
        return
    inputs = keras.Model(model.input, [layer.input for layer in layers]).predict(images, verbose=0)
    for layer, values, (factor, offset) in zip(layers, inputs, affines, strict=True):
        mean, variance = (of(values.astype(np.float32), axis=(0, 1, 2)) for of in (np.mean, np.var))
        layer.set_weights([factor * np.sqrt(variance + layer.epsilon), offset + factor * mean, mean, variance])


def of_type(model: keras.Model, *types: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, types)]


def products(graph: onnx.GraphProto) -> list[Product]:
    """Of each convolution and matrix product its kernel, and what follows it before the activation."""
    tensors = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    found: list[Product] = []
    for node in graph.node:
        given = [tensors[name] for name in node.input if name in tensors]
        if node.op_type in ("Conv", "MatMul"):
            kernel = given[0].transpose(2, 3, 1, 0) if node.op_type == "Conv" else given[0]
            offset = given[1] if len(given) > 1 else np.zeros(kernel.shape[-1], np.float32)
            found.append((kernel, np.ones_like(offset), offset))
        elif node.op_type in ("Mul", "Add") and found and given[0].size > 1:  # the temperature is one number
            kernel, factor, offset = found[-1]
            value = given[0].reshape(-1)
            multiplied = node.op_type == "Mul"
            found[-1] = (kernel, factor * value, offset * value) if multiplied else (kernel, factor, offset + value)
    return found
