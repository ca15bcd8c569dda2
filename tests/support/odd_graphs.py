"""Graphs that a repository must not serve: with weights in other files, or without an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import FunctionProto, NodeProto, SparseTensorProto, TensorProto, helper, numpy_helper

FILE = "weights.bin"  # of zeros, (784, 10) float32

FLAT = numpy_helper.from_array(np.array([-1, 784], np.int64), "flat")
CONDITION = numpy_helper.from_array(np.array(True), "condition")
OUTPUT = [helper.make_tensor_value_info("weights", TensorProto.FLOAT, [784, 10])]


def graph_of(
    nodes: Sequence[NodeProto] = (),
    tensors: Sequence[TensorProto] = (),
    sparse: Sequence[SparseTensorProto] = (),
    functions: Sequence[FunctionProto] = (),
) -> bytes:
    """uint8 (batch, 28, 28) -> (batch, 10), by a tensor `weights` that `nodes` make or that is given."""
    around = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pixels", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        [*nodes, *around],
        "odd",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [FLAT, *tensors],
        sparse_initializer=list(sparse),
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))
    return bytes(model.SerializeToString())


def outside(name: str = "weights", shape: tuple[int, ...] = (784, 10), location: str = FILE) -> TensorProto:
    """A tensor whose values are in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def sparse_outside() -> SparseTensorProto:
    sparse = SparseTensorProto(values=outside(shape=(7840,)), dims=[784, 10])
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(7840, dtype=np.int64), "indices"))
    return sparse


def branch(*nodes: NodeProto, tensors: Sequence[TensorProto] = ()) -> NodeProto:
    graph = helper.make_graph(list(nodes), "branch", [], OUTPUT, list(tensors))
    return helper.make_node("If", ["condition"], ["weights"], then_branch=graph, else_branch=graph)


def constant() -> NodeProto:
    return helper.make_node("Constant", [], ["weights"], value=outside())


def function() -> bytes:
    made = helper.make_function("own", "Weights", [], ["weights"], [constant()], [helper.make_opsetid("", 17)])
    return graph_of([helper.make_node("Weights", [], ["weights"], domain="own")], functions=[made])


# Every place of an ONNX graph that may refer to another file.
EXTERNAL_DATA: dict[str, Callable[[], bytes]] = {
    "initializer": lambda: graph_of(tensors=[outside()]),
    "initializer by a path": lambda: graph_of(tensors=[outside(location=f"./{FILE}")]),
    "sparse initializer": lambda: graph_of(sparse=[sparse_outside()]),
    "constant": lambda: graph_of([constant()]),
    "sparse constant": lambda: graph_of([helper.make_node("Constant", [], ["weights"], sparse_value=sparse_outside())]),
    "initializer of a branch": lambda: graph_of(
        [branch(helper.make_node("Identity", ["inner"], ["weights"]), tensors=[outside("inner")])], [CONDITION]
    ),
    "constant of a branch": lambda: graph_of([branch(constant())], [CONDITION]),
    "constant of a function": function,
}


def endless() -> bytes:
    """A loop that never ends, whatever the image."""
    scalar = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [784, 10])]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["again_out"]),
            helper.make_node("Identity", ["value"], ["value_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            *scalar,
        ],
        [
            helper.make_tensor_value_info("again_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value_out", TensorProto.FLOAT, [784, 10]),
        ],
    )
    least = numpy_helper.from_array(np.array(0, np.uint8), "least")
    zeros = numpy_helper.from_array(np.zeros((784, 10), np.float32), "zeros")
    return graph_of(
        [
            helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.INT32),
            helper.make_node("ReduceMax", ["wide"], ["largest_wide"], keepdims=0),
            helper.make_node("Cast", ["largest_wide"], ["largest"], to=TensorProto.UINT8),
            helper.make_node("GreaterOrEqual", ["largest", "least"], ["condition"]),
            helper.make_node("Loop", ["", "condition", "zeros"], ["weights"], body=body),
        ],
        [least, zeros],
    )
