from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from app.inference.session import Model
from training.config import Options, TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ExportError
from training.export import (
    Export,
    acceptance_threshold,
    calibrated,
    export,
    fit_temperature,
    in_float32,
    multiply_adds,
    negative_log_likelihood,
    predict,
    prove,
    read_run,
    softmax,
    to_onnx,
)
from training.networks.architectures import Standardisation, cnn, mlp


@pytest.fixture(scope="module")
def exported(run: Path, data: Split) -> Export:
    return export(run, data)


@pytest.fixture(scope="module")
def served(run: Path, exported: Export) -> keras.Model:
    return calibrated(read_run(run)[1], exported.temperature)


def test_the_graph_equals_keras_on_all_test_digits_one_by_one_and_in_batches(
    exported: Export, served: keras.Model, test_digits: Digits
) -> None:
    parity = prove(exported.graph, served, test_digits)
    assert parity.max_abs_difference <= 1e-5
    assert parity.equal_argmax
    assert parity.batch_sizes == [1, 64]
    assert parity.data == "MNIST test, 10,000 digits"


def test_its_signature_is_the_one_the_service_asks_for(exported: Export) -> None:
    graph = onnx.load_from_string(exported.graph).graph
    assert [signature(each) for each in graph.input] == [("image", onnx.TensorProto.UINT8, ["batch", 28, 28])]
    assert sorted(signature(each) for each in graph.output) == [
        ("logits", onnx.TensorProto.FLOAT, ["batch", 10]),
        ("probabilities", onnx.TensorProto.FLOAT, ["batch", 10]),
    ]


def signature(value: onnx.ValueInfoProto) -> tuple[str, int, list[str | int]]:
    kind = value.type.tensor_type
    return value.name, kind.elem_type, [each.dim_param or each.dim_value for each in kind.shape.dim]


def test_probabilities_are_the_softmax_of_the_calibrated_logits(
    exported: Export, run: Path, test_digits: Digits
) -> None:
    images = test_digits.images[:100]
    logits, probabilities = Model(exported.graph, "cpu").session.run(["logits", "probabilities"], {"image": images})
    assert np.allclose(softmax(logits), probabilities, atol=1e-6)
    assert np.allclose(logits * exported.temperature, predict(read_run(run)[1], images), atol=1e-4)


@pytest.mark.parametrize("arch", ["mlp", "cnn"])
def test_the_graph_has_no_chains_of_shapes_and_no_batch_normalisation_left(arch: str, config: TrainConfig) -> None:
    """Shape operations would land on the CPU beside a GPU, which the service refuses."""
    model = {"mlp": mlp, "cnn": cnn}[arch](Options(batch_normalization=arch == "cnn", dropout=0.3))
    graph = onnx.load_from_string(to_onnx(calibrated(model, 1.3), config))
    kinds = {node.op_type for node in graph.graph.node}
    assert not kinds & {"Shape", "Gather", "Slice", "Concat", "BatchNormalization", "Dropout"}


def test_the_graph_says_what_it_is(exported: Export) -> None:
    graph = onnx.load_from_string(exported.graph)
    assert graph.producer_name == "digits"
    assert "image: uint8" in graph.doc_string
    assert {each.key: each.value for each in graph.metadata_props} == {
        "name": "tiny",
        "architecture": "mlp",
        "labels": "0,1,2,3,4,5,6,7,8,9",
    }


@pytest.mark.parametrize("arch", ["standardised mlp", "cnn"])
def test_every_network_is_proven(arch: str, config: TrainConfig, test_digits: Digits) -> None:
    standardisation = Standardisation.of(test_digits.images[:1000])
    model = cnn(Options(batch_normalization=True)) if arch == "cnn" else mlp(Options(), standardisation)
    served = calibrated(model, 0.8)
    assert prove(to_onnx(served, config), served, test_digits[:300]).max_abs_difference <= 1e-5


def test_a_graph_with_one_weight_changed_is_refused(exported: Export, served: keras.Model, test_digits: Digits) -> None:
    graph = onnx.load_from_string(exported.graph)
    bias = next(each for each in graph.graph.initializer if list(each.dims) == [10])
    values = onnx.numpy_helper.to_array(bias).copy()
    values[3] += 0.01
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    with pytest.raises(ExportError, match="is not the Keras model"):
        prove(graph.SerializeToString(), served, test_digits[:200])


def test_a_graph_that_answers_nan_is_refused(exported: Export, served: keras.Model, test_digits: Digits) -> None:
    graph = onnx.load_from_string(exported.graph)
    for each in graph.graph.initializer:
        if list(each.dims) == [10]:
            each.CopyFrom(onnx.numpy_helper.from_array(np.full(10, np.nan, np.float32), each.name))
    with pytest.raises(ExportError):
        prove(graph.SerializeToString(), served, test_digits[:200])


def test_a_folder_without_a_model_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"holds no trained model: make one with python -m training train"):
        read_run(tmp_path)


def test_the_temperature_found_is_the_one_the_logits_were_spoilt_with() -> None:
    """Labels drawn from softmax(logits); logits 2.5 times too large want a temperature of 2.5."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10)).astype(np.float32)
    cumulated = softmax(logits).cumsum(axis=1)
    labels = (rng.random((20_000, 1)) > cumulated).sum(axis=1).clip(0, 9).astype(np.uint8)
    digits = Digits(np.zeros((20_000, 28, 28), np.uint8), labels)
    assert fit_temperature(2.5 * logits, digits) == pytest.approx(2.5, rel=0.03)


def test_no_other_temperature_is_likelier(run: Path, data: Split) -> None:
    logits = predict(read_run(run)[1], data.validation.images)
    best = fit_temperature(logits, data.validation)
    least = negative_log_likelihood(logits, data.validation, best)
    assert all(
        least <= negative_log_likelihood(logits, data.validation, best * factor) for factor in (0.5, 0.99, 1.01, 2)
    )


def test_all_but_half_a_percent_of_the_digits_reach_the_threshold(exported: Export, data: Split) -> None:
    confidence = Model(exported.graph, "cpu").run(data.validation.images).max(axis=1)
    assert 0.995 <= (confidence >= exported.threshold).mean() <= 0.997
    assert acceptance_threshold(np.eye(10, dtype=np.float32)) == 1.0


def test_multiply_adds_are_those_counted_by_hand() -> None:
    assert multiply_adds(mlp(Options())) == 784 * 128 + 128 * 64 + 64 * 32 + 32 * 10
    image = keras.Input((28, 28, 1))
    small = keras.Model(image, keras.layers.Conv2D(4, 3, padding="valid")(image))
    assert multiply_adds(small) == 26 * 26 * 3 * 3 * 4


def test_a_mixed_precision_model_is_exported_in_float32(config: TrainConfig, test_digits: Digits) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        mixed = cnn(Options(batch_normalization=True))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    plain = in_float32(mixed)
    assert all(np.array_equal(a, b) for a, b in zip(mixed.get_weights(), plain.get_weights(), strict=True))
    served = calibrated(plain, 1.0)
    assert prove(to_onnx(served, config), served, test_digits[:100]).max_abs_difference <= 1e-5
