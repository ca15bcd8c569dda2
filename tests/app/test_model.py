"""One graph on the device asked for, or nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from app.errors import DeviceUnavailable, ModelRefused
from app.model import Model, cuda_problem
from training.data import Digits

no_gpu = pytest.mark.skipif(cuda_problem() is None, reason="this machine has a GPU")


@pytest.fixture(scope="module")
def graph(models: Path) -> bytes:
    return (models / "digits-mlp/1/model.onnx").read_bytes()


def test_images_become_probabilities(graph: bytes, test_digits: Digits) -> None:
    probabilities = Model(graph, "cpu").run(test_digits.images[:20])
    assert probabilities.shape == (20, 10)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == test_digits.labels[:20]).mean() > 0.9


def test_answers_do_not_depend_on_the_batch(graph: bytes, test_digits: Digits) -> None:
    model = Model(graph, "cpu")
    together = model.run(test_digits.images[:64])
    alone = np.concatenate([model.run(test_digits.images[i : i + 1]) for i in range(64)])
    assert np.abs(together - alone).max() < 1e-5


@no_gpu
def test_cuda_without_a_gpu_is_refused_and_never_becomes_the_cpu(graph: bytes) -> None:
    with pytest.raises(DeviceUnavailable) as refused:
        Model(graph, "cuda")
    assert "\n" not in str(refused.value)


@no_gpu
def test_auto_without_a_gpu_is_the_cpu_and_says_so(graph: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert Model(graph, "auto").device == "cpu"
    assert "using the CPU" in caplog.text


@no_gpu
def test_onnxruntime_that_would_fall_back_silently_is_refused(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is there, with CUDA that does not work: the case in which onnxruntime says nothing."""
    monkeypatch.setattr("app.model.cuda_problem", lambda: None)
    silent = ort.InferenceSession(graph, providers=["CUDAExecutionProvider"])
    assert silent.get_providers() == ["CPUExecutionProvider"], "it no longer falls back: the guard can go"
    with pytest.raises(DeviceUnavailable):
        Model(graph, "cuda")


@pytest.mark.gpu
def test_cuda_really_runs_on_the_gpu_and_agrees_with_the_cpu(graph: bytes, test_digits: Digits) -> None:
    if problem := cuda_problem():
        pytest.skip(problem)
    model = Model(graph, "cuda")
    assert model.device == "cuda"
    assert np.abs(model.run(test_digits.images) - Model(graph, "cpu").run(test_digits.images)).max() < 1e-3


@pytest.mark.parametrize("broken", [b"", b"no graph at all", b"\x08\x08" * 100])
def test_damaged_graph_is_refused(broken: bytes) -> None:
    with pytest.raises(ModelRefused):
        Model(broken, "cpu")


def test_graph_of_another_signature_is_refused() -> None:
    import onnx
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 784])
    out = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 784])
    graph = helper.make_graph([helper.make_node("Relu", ["pixels"], ["probabilities"])], "other", [image], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    with pytest.raises(ModelRefused, match="uint8 image"):
        Model(model.SerializeToString(), "cpu")
