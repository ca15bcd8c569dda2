"""Compresses a graph to int8: static quantization of its convolutions and dense layers with ONNX Runtime.

    what follows a max pooling   ->  before it, where ONNX Runtime folds it into the convolution
    convolution of one channel   ->  stays in float32: in int8 it takes half of the whole run
    every other product          ->  uint8 activations, int8 weights for each channel, int32 sums

Source: Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
2018.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime import quantization

from app.arrays import CLASSES, Images
from app.inference.session import INPUT
from training.datasets.mnist import Split
from training.distillation.synthetic_dataset import load_shard, load_validation, shard_path
from training.errors import CompressionError
from training.evaluation.comparison import Comparison, compare

BATCH_SIZE = 64  # images whose activations are measured at once
CALIBRATION_IMAGES = 1_000  # of each kind; more have more outliers, which make the steps between values larger
CALIBRATION = "calibration"  # in the metadata of the graph: the images it was calibrated on
SOURCE = "source"  # the same: the fingerprint of the float32 graph
OPERATORS = ["Conv", "MatMul", "Gemm", "Relu", "MaxPool", "Transpose", "Reshape"]  # that compute with int8


class Compressed(NamedTuple):
    graph: bytes  # model.int8.onnx
    comparison: Comparison  # with the float32 graph

    def check(self) -> None:
        """Raises `CompressionError` if int8 does not pay."""
        if objections := self.comparison.objections():
            raise CompressionError(f"int8 does not pay: {'; '.join(objections)}; nothing was written")


def compress(
    graph: bytes, data: Split, bank: Path | None, classes: int = CLASSES, *, private: bool = False
) -> Compressed:
    """Quantizes a graph and compares both on the validation data.

    `bank` is the synthetic dataset that the network learnt from, if it did. The ranges of a
    `private` network are measured on validation digits, so that they tell nothing about training digits. Raises
    `DataError` if the dataset is missing.
    """
    name, digits = ("MNIST validation digits", data.validation) if private else ("MNIST training digits", data.train)
    calibration = {name: digits.images[:CALIBRATION_IMAGES]}
    validation = {"MNIST validation": data.validation}
    if bank:
        calibration["synthetic pictures"] = load_shard(shard_path(bank, "pictures", 0)).images[:CALIBRATION_IMAGES]
        validation["synthetic validation pictures"] = load_validation(bank)
    described = ", ".join(f"{len(images):,} {kind}" for kind, images in calibration.items())
    int8 = add_metadata(
        quantize(graph, np.concatenate(list(calibration.values()))),
        {CALIBRATION: described, SOURCE: fingerprint(graph)},
    )
    return Compressed(int8, compare(graph, int8, validation, classes))


def fingerprint(graph: bytes) -> str:
    """The SHA-256 of the graph's constants in any order: each export of a run names its nodes differently."""
    constants = (numpy_helper.to_array(tensor).tobytes() for tensor in onnx.load_from_string(graph).graph.initializer)
    return hashlib.sha256(b"".join(sorted(constants))).hexdigest()


def add_metadata(graph: bytes, properties: dict[str, str]) -> bytes:
    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(model, read_metadata(graph) | properties)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def read_metadata(graph: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_from_string(graph).metadata_props}


def quantize(graph: bytes, images: Images) -> bytes:
    """The int8 graph of a float32 graph, with the same inputs, outputs and opset. The same bytes in every call.

    The ranges of the activations are measured on `images` (n, 28, 28): some thousand like those the graph will read.
    """
    model = onnx.load_from_string(graph)
    pool_last(model.graph)
    with tempfile.TemporaryDirectory() as scratch:
        source, prepared, quantized = (Path(scratch) / f"{step}.onnx" for step in ("source", "prepared", "quantized"))
        onnx.save(model, source)
        quantization.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            quantized,
            ImageReader(images),
            nodes_to_exclude=one_channel_convolutions(onnx.load(prepared).graph),
            op_types_to_quantize=OPERATORS,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            # Weights of 7 bits: without VNNI, x86 adds two products in 16 bits, which 8 bits would overflow.
            reduce_range=True,
        )
        return completed(onnx.load(quantized), model)


class ImageReader:
    """Hands the calibration one batch after the other, as ONNX Runtime's `CalibrationDataReader`."""

    def __init__(self, images: Images) -> None:
        self.batches = (images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE))

    def get_next(self) -> dict[str, Images] | None:
        """None after the last one."""
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def one_channel_convolutions(graph: onnx.GraphProto) -> list[str]:
    """Their names."""
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "Conv" and shapes[node.input[1]][1] == 1]


def completed(quantized: onnx.ModelProto, original: onnx.ModelProto) -> bytes:
    """The quantized graph in what the original says of itself: opset, producer, description, metadata."""
    result = onnx.ModelProto()
    result.CopyFrom(original)
    result.graph.CopyFrom(quantized.graph)
    result.graph.name = original.graph.name
    result.graph.ClearField("value_info")
    onnx.checker.check_model(result, full_check=True)
    content: bytes = result.SerializeToString(deterministic=True)
    return content


# --- pools ------------------------------------------------------------------------------------------------------------


def pool_last(graph: onnx.GraphProto) -> None:
    """Convolution, max pooling, factor, offset, ReLU -> convolution, factor, offset, ReLU, max pooling.

    The largest value stays the largest under an increasing function. Where a factor is not positive, nothing is moved.
    """
    in_float32 = one_channel_convolutions(graph)
    for pool in [node for node in graph.node if node.op_type == "MaxPool"]:
        convolution = next(node for node in graph.node if pool.input[0] in node.output)
        # Between a float32 convolution and an int8 one the pool must not be next to the int8 one: ONNX Runtime would
        # pool bytes there, which took 0.95 ms of a run of 64 instead of 0.1.
        operators = {"Mul", "Add"} if convolution.name in in_float32 else {"Mul", "Add", "Relu"}
        current = pool
        while following := increasing_consumer(graph, current, operators):
            current = exchange(current, following)


def increasing_consumer(
    graph: onnx.GraphProto, node: onnx.NodeProto, operators: Collection[str]
) -> onnx.NodeProto | None:
    """The one node that reads the output of another, if it is one of these operators and increasing in each value."""
    readers = [reader for reader in graph.node if node.output[0] in reader.input]
    if len(readers) != 1 or readers[0].op_type not in operators or readers[0].input[0] != node.output[0]:
        return None
    constants = [numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name in readers[0].input[1:]]
    is_increasing = len(constants) == len(readers[0].input) - 1 and all(
        readers[0].op_type != "Mul" or (constant > 0).all() for constant in constants
    )
    return readers[0] if is_increasing else None


def exchange(first: onnx.NodeProto, second: onnx.NodeProto) -> onnx.NodeProto:
    """Lets the second node run before the first. Returns the first in its new place."""
    before, between, after = first.input[0], first.output[0], second.output[0]
    copy = onnx.NodeProto()
    copy.CopyFrom(first)
    first.CopyFrom(second)
    second.CopyFrom(copy)
    first.input[0], first.output[0] = before, between
    second.input[0], second.output[0] = between, after
    return second
