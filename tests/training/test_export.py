from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from app.inference.session import Model
from training.calibration import softmax
from training.config import Options, TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ExportError
from training.export import (
    Export,
    add_calibration,
    count_multiply_adds,
    export,
    predict,
    prove,
    read_run,
    to_float32,
    to_onnx,
)
from training.networks.architectures import Standardisation, cnn, mlp


@pytest.fixture(scope="module")
def exported(run: Path, data: Split) -> Export:
    return export(run, data)


@pytest.fixture(scope="module")
def calibrated(run: Path, exported: Export) -> keras.Model:
    return add_calibration(read_run(run)[1], exported.calibration.temperature)


def test_the_graph_equals_keras_on_all_test_digits_one_by_one_and_in_batches(
    exported: Export, calibrated: keras.Model, test_digits: Digits
) -> None:
    parity = prove(exported.graph, calibrated, test_digits)
    assert parity.max_abs_difference <= 1e-5
    assert parity.equal_argmax
    assert parity.batch_sizes == [1, 64]
    assert parity.data == "MNIST test, 10,000 digits"


def test_the_graph_has_the_inputs_and_outputs_that_the_service_expects(exported: Export) -> None:
    graph = onnx.load_from_string(exported.graph).graph
    assert [describe(value) for value in graph.input] == [("image", onnx.TensorProto.UINT8, ["batch", 28, 28])]
    assert sorted(describe(value) for value in graph.output) == [
        ("logits", onnx.TensorProto.FLOAT, ["batch", 10]),
        ("probabilities", onnx.TensorProto.FLOAT, ["batch", 10]),
    ]


def describe(value: onnx.ValueInfoProto) -> tuple[str, int, list[str | int]]:
    """The name, the type and the shape of an input or output."""
    tensor_type = value.type.tensor_type
    shape = [dimension.dim_param or dimension.dim_value for dimension in tensor_type.shape.dim]
    return value.name, tensor_type.elem_type, shape


def test_probabilities_are_the_softmax_of_the_calibrated_logits(
    exported: Export, run: Path, test_digits: Digits
) -> None:
    images = test_digits.images[:100]
    logits, probabilities = Model(exported.graph, "cpu").session.run(["logits", "probabilities"], {"image": images})
    assert np.allclose(softmax(logits), probabilities, atol=1e-6)
    assert np.allclose(logits * exported.calibration.temperature, predict(read_run(run)[1], images), atol=1e-4)


@pytest.mark.parametrize("arch", ["mlp", "cnn"])
def test_the_graph_has_no_shape_operations_and_no_batch_normalization(arch: str, config: TrainConfig) -> None:
    """Shape operations would run on the CPU beside a GPU, and the service refuses such a graph."""
    model = {"mlp": mlp, "cnn": cnn}[arch](Options(batch_normalization=arch == "cnn", dropout=0.3))
    graph = onnx.load_from_string(to_onnx(add_calibration(model, 1.3), config))
    operations = {node.op_type for node in graph.graph.node}
    assert not operations & {"Shape", "Gather", "Slice", "Concat", "BatchNormalization", "Dropout"}


def test_the_graph_describes_itself(exported: Export) -> None:
    graph = onnx.load_from_string(exported.graph)
    assert graph.producer_name == "digits"
    assert "image: uint8" in graph.doc_string
    assert {entry.key: entry.value for entry in graph.metadata_props} == {
        "name": "tiny",
        "architecture": "mlp",
        "labels": "0,1,2,3,4,5,6,7,8,9",
    }


@pytest.mark.parametrize("arch", ["standardised mlp", "cnn"])
def test_every_network_is_proven(arch: str, config: TrainConfig, test_digits: Digits) -> None:
    standardisation = Standardisation.of(test_digits.images[:1000])
    model = cnn(Options(batch_normalization=True)) if arch == "cnn" else mlp(Options(), standardisation)
    calibrated = add_calibration(model, 0.8)
    assert prove(to_onnx(calibrated, config), calibrated, test_digits[:300]).max_abs_difference <= 1e-5


def test_a_graph_with_one_weight_changed_is_refused(
    exported: Export, calibrated: keras.Model, test_digits: Digits
) -> None:
    graph = onnx.load_from_string(exported.graph)
    bias = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [10])
    values = onnx.numpy_helper.to_array(bias).copy()
    values[3] += 0.01
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    with pytest.raises(ExportError, match="differs from the Keras model"):
        prove(graph.SerializeToString(), calibrated, test_digits[:200])


def test_a_graph_that_returns_nan_is_refused(exported: Export, calibrated: keras.Model, test_digits: Digits) -> None:
    graph = onnx.load_from_string(exported.graph)
    for tensor in graph.graph.initializer:
        if list(tensor.dims) == [10]:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(10, np.nan, np.float32), tensor.name))
    with pytest.raises(ExportError):
        prove(graph.SerializeToString(), calibrated, test_digits[:200])


def test_a_folder_without_a_model_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"holds no trained model: make one with python -m training train"):
        read_run(tmp_path)


def test_multiply_adds_are_those_counted_by_hand() -> None:
    assert count_multiply_adds(mlp(Options())) == 784 * 128 + 128 * 64 + 64 * 32 + 32 * 10
    image = keras.Input((28, 28, 1))
    small = keras.Model(image, keras.layers.Conv2D(4, 3, padding="valid")(image))
    assert count_multiply_adds(small) == 26 * 26 * 3 * 3 * 4


def test_a_mixed_precision_model_is_exported_in_float32(config: TrainConfig, test_digits: Digits) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        mixed = cnn(Options(batch_normalization=True))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    plain = to_float32(mixed)
    assert all(np.array_equal(a, b) for a, b in zip(mixed.get_weights(), plain.get_weights(), strict=True))
    calibrated = add_calibration(plain, 1.0)
    assert prove(to_onnx(calibrated, config), calibrated, test_digits[:100]).max_abs_difference <= 1e-5
