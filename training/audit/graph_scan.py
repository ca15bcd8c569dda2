"""Scans a graph without running it: for what a service should not load, and for weights that are no numbers.

The service itself refuses weights in other files and graphs that do not run (app.inference.session). This looks at
everything a file may hold, in subgraphs and functions too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import numpy_helper

# What exported and quantized networks consist of. None reads or writes anything but tensors, and none loops.
OPERATORS = frozenset(
    {
        *("Add", "Cast", "Concat", "Conv", "DequantizeLinear", "Flatten", "Gather", "Gemm", "MatMul", "MaxPool", "Mul"),
        *("QuantizeLinear", "ReduceMean", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Squeeze", "Sub"),
        *("Tanh", "Transpose", "Unsqueeze"),
    }
)
DOMAINS = frozenset(["", "ai.onnx"])  # ONNX's own operators
OPSETS = range(13, 24)
MAX_BYTES = 64 * 2**20  # of a graph that reads 28 x 28 pixels

M = TypeVar("M", bound=Message)


class GraphScan(NamedTuple):
    bytes: int
    opset: int
    operators: dict[str, int]  # by name: how often
    values: int  # in all constants
    findings: list[str]  # what it should not have; empty: nothing


def scan_graph(graph: bytes) -> GraphScan:
    """Never raises for a graph that is damaged or odd: that is a finding."""
    try:
        model = onnx.load_from_string(graph)
    except DecodeError:
        return GraphScan(len(graph), 0, {}, 0, ["it is not an ONNX file"])
    nodes = list(messages(model, onnx.NodeProto))
    names, counts = np.unique([node.op_type for node in nodes] or ["none"], return_counts=True)
    opset = next((opset.version for opset in model.opset_import if opset.domain in DOMAINS), 0)
    tensors = list(messages(model, onnx.TensorProto))
    findings = [
        *(f"operator {name} is not on the list" for name in sorted({node.op_type for node in nodes} - OPERATORS)),
        *(f"operators of the domain {domain!r}" for domain in sorted({node.domain for node in nodes} - DOMAINS)),
        *(f"a function of its own: {function.name}" for function in model.functions),
        *(["parts for training"] if model.training_info else []),
        *([] if opset in OPSETS else [f"opset {opset}, not {OPSETS.start} to {OPSETS.stop - 1}"]),
        *([f"{len(graph):,} bytes, more than {MAX_BYTES:,}"] if len(graph) > MAX_BYTES else []),
        *(problem for tensor in tensors for problem in tensor_problems(tensor)),
    ]
    values = sum(int(np.prod(tensor.dims)) for tensor in tensors)
    return GraphScan(len(graph), opset, dict(zip(names.tolist(), counts.tolist(), strict=True)), values, findings)


def tensor_problems(tensor: onnx.TensorProto) -> Iterator[str]:
    name = tensor.name or "a constant"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        yield f"the values of {name} are in another file"
        return
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        yield f"the values of {name} cannot be read ({error})"
        return
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        yield f"{name} has values that are not finite"


def messages(root: Message, kind: type[M]) -> Iterator[M]:
    """Every part of this type in a Protocol Buffers message, however deep."""
    if isinstance(root, kind):
        yield root
    for field, content in root.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in content if field.is_repeated else [content]:
                yield from messages(part, kind)
