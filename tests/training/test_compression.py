from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.inference.session import Model
from app.repository.manifest import GRAPH_FILE
from tests.conftest import ROOT
from training.compression import CALIBRATION, SOURCE, compress, fingerprint, pool_last, quantize, read_metadata
from training.datasets.mnist import Digits, Split


@pytest.fixture(scope="module")
def float32(models: Path) -> bytes:
    """A real network, with pools, normalisation, a softmax of eleven and a slice of ten."""
    return (models / "digits/7" / GRAPH_FILE).read_bytes()


@pytest.fixture(scope="module")
def int8(float32: bytes, test_digits: Digits) -> bytes:
    return quantize(float32, test_digits.images[:300])


def test_int8_graph_reads_the_same_digits_with_nearly_the_same_probabilities(
    float32: bytes, int8: bytes, test_digits: Digits
) -> None:
    images = test_digits.images[1000:1500]
    before, after = (Model(graph, "cpu").run(images) for graph in (float32, int8))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).mean() >= 0.995
    assert np.abs(before - after).mean() < 1e-3


def test_inputs_outputs_opset_and_description_are_those_of_the_float32_graph(float32: bytes, int8: bytes) -> None:
    before, after = (onnx.load_from_string(graph) for graph in (float32, int8))
    for model in (before, after):
        assert [value.name for value in model.graph.input] == ["image"]
    assert list(after.graph.input) == list(before.graph.input)
    assert {value.name: value for value in after.graph.output} == {value.name: value for value in before.graph.output}
    for model in (before, after):
        model.ClearField("graph")
    assert after == before
    assert len(int8) < len(float32) / 3


def test_only_the_convolution_of_one_channel_stays_in_float32(int8: bytes) -> None:
    graph = onnx.load_from_string(int8).graph
    constants = {tensor.name for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert [node.input[1] in constants for node in convolutions] == [True, False, False, False, False, False]


def test_weights_have_seven_bits_so_that_no_cpu_overflows(int8: bytes) -> None:
    weights = [numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(int8).graph.initializer]
    largest = [int(np.abs(array.astype(int)).max()) for array in weights if array.dtype == np.int8 and array.ndim > 1]
    assert largest == [64] * 6  # five convolutions and the dense layer


def test_same_images_make_the_same_bytes_in_every_process(models: Path, int8: bytes, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from training.compression import quantize\n"
        "from training.datasets.mnist import load_test_digits\n"
        f"graph = Path({str(models / 'digits/7' / GRAPH_FILE)!r}).read_bytes()\n"
        f"images = load_test_digits(Path({str(ROOT / 'tests/data')!r})).images[:300]\n"
        f"Path({str(tmp_path / 'int8')!r}).write_bytes(quantize(graph, images))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert (tmp_path / "int8").read_bytes() == int8


def test_compressed_graph_says_what_it_was_made_of(float32: bytes, data: Split) -> None:
    compressed = compress(float32, Split(data.train[:100], data.validation[:100], data.test), None)
    properties = read_metadata(compressed.graph)
    assert properties[CALIBRATION] == "100 MNIST training digits"
    assert len(properties[SOURCE]) == 64
    assert properties["architecture"] == "cnn"
    assert list(compressed.comparison.accuracy) == ["MNIST validation, 100"]


def test_a_private_network_is_calibrated_on_no_training_digit(float32: bytes, data: Split) -> None:
    none, few = data.train[:0], data.validation[:100]
    compressed = compress(float32, Split(none, few, data.test), None, private=True)
    assert read_metadata(compressed.graph)[CALIBRATION] == "100 MNIST validation digits"


def test_exports_of_one_run_have_one_fingerprint_whatever_their_nodes_are_called(float32: bytes, int8: bytes) -> None:
    renamed = onnx.load_from_string(float32)
    for tensor in renamed.graph.initializer:
        for node in renamed.graph.node:
            node.input[:] = ["x_" + name if name == tensor.name else name for name in node.input]
        tensor.name = "x_" + tensor.name
    assert fingerprint(renamed.SerializeToString()) == fingerprint(float32) != fingerprint(int8)


# --- pools ------------------------------------------------------------------------------------------------------------


def pooling_graph(factor: float, channels: int) -> onnx.ModelProto:
    """Convolution, max pooling, factor, offset, ReLU, on images (n, channels, 8, 8)."""
    rng = np.random.default_rng(0)
    constants = {
        "kernel": rng.normal(size=(4, channels, 3, 3)).astype(np.float32),
        "factor": np.array([1, 2, 3, factor], np.float32).reshape(1, 4, 1, 1),
        "offset": np.array([-1, 0, 1, 2], np.float32).reshape(1, 4, 1, 1),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["convolved"], "convolution"),
        helper.make_node("MaxPool", ["convolved"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Mul", ["pooled", "factor"], ["scaled"], "factor"),
        helper.make_node("Add", ["scaled", "offset"], ["moved"], "offset"),
        helper.make_node("Relu", ["moved"], ["y"], "relu"),
    ]
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, 3, 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto, channels: int) -> NDArray[np.float32]:
    images = np.random.default_rng(1).normal(size=(5, channels, 8, 8)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {"x": images})[0]
    return result


@pytest.mark.parametrize(
    ("channels", "factor", "order"),
    [
        (3, 4.0, ["Conv", "Mul", "Add", "Relu", "MaxPool"]),
        (1, 4.0, ["Conv", "Mul", "Add", "MaxPool", "Relu"]),  # in float32, where the pool is best left so
        (3, -4.0, ["Conv", "MaxPool", "Mul", "Add", "Relu"]),  # the largest value would become the smallest
    ],
)
def test_pool_moves_behind_what_is_increasing_and_the_result_is_the_same(
    channels: int, factor: float, order: list[str]
) -> None:
    model = pooling_graph(factor, channels)
    before = run(model, channels)
    pool_last(model.graph)
    assert [node.op_type for node in model.graph.node] == order
    assert np.allclose(run(model, channels), before, atol=1e-5)
