"""One graph on the requested device, or an error."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from app.arrays import Images, Probabilities
from app.errors import DeviceUnavailable, ModelRefused
from app.inference.cuda import GraphRunner, cuda_problem
from app.inference.session import Model, fastest_seconds
from app.repository.manifest import GRAPH_FILE
from app.repository.version_folders import newest_version
from app.settings import DeviceChoice
from tests.support.odd_graphs import EXTERNAL_DATA, FILE
from training.datasets.mnist import Digits

no_gpu = pytest.mark.skipif(cuda_problem() is None, reason="this machine has a GPU")


@pytest.fixture(scope="module")
def graph(models: Path) -> bytes:
    return (newest_version(models, "digits-mlp") / GRAPH_FILE).read_bytes()


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


def test_warm_up_runs_the_largest_batch(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(graph, "cpu", max_batch_size=12)
    sizes: list[int] = []
    run = model.runner.run

    def recorded(images: Images) -> Probabilities:
        sizes.append(len(images))
        return run(images)

    monkeypatch.setattr(model.runner, "run", recorded)
    model.warm_up()
    assert set(sizes) == {12}


def test_warm_up_measures_the_seconds_per_image(graph: bytes) -> None:
    model = Model(graph, "cpu", max_batch_size=32)
    assert model.seconds_per_image == 0
    model.warm_up()
    assert 0 < model.seconds_per_image < 0.01


def test_seconds_per_image_are_those_of_the_largest_batch_divided(
    graph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.inference.session.fastest_seconds", lambda run: 8.0)
    model = Model(graph, "cpu", max_batch_size=32)
    model.warm_up()
    assert model.seconds_per_image == 0.25


def test_fastest_seconds_are_those_of_the_run_that_nothing_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 24.0])
    monkeypatch.setattr("app.inference.session.thread_clock", lambda: next(clock))
    assert fastest_seconds(lambda: None, runs=3) == 2.0


def test_batch_larger_than_the_warmed_up_one_is_run_too(graph: bytes, test_digits: Digits) -> None:
    model = Model(graph, "cpu", max_batch_size=4)
    model.warm_up()
    assert model.run(test_digits.images[:9]).shape == (9, 10)


@no_gpu
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_missing_gpu_is_refused_and_never_becomes_the_cpu(graph: bytes, device: DeviceChoice) -> None:
    with pytest.raises(DeviceUnavailable) as refused:
        Model(graph, device)
    assert "\n" not in str(refused.value)


@no_gpu
def test_auto_without_a_gpu_is_the_cpu_and_is_logged(graph: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert Model(graph, "auto").device == "cpu"
    assert "using the CPU" in caplog.text


@no_gpu
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_onnxruntime_that_would_fall_back_silently_is_refused(
    graph: bytes, device: DeviceChoice, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a driver but a CUDA that does not work, onnxruntime falls back silently."""
    monkeypatch.setattr("app.inference.cuda.cuda_problem", lambda: None)
    silent = ort.InferenceSession(graph, providers=["CUDAExecutionProvider"])
    assert silent.get_providers() == ["CPUExecutionProvider"], "it no longer falls back: the guard can be removed"
    capfd.readouterr()
    with pytest.raises(DeviceUnavailable, match="could not put the graph on the GPU"):
        Model(graph, device)
    assert capfd.readouterr().out == "", "it was tried again on another device"


def test_auto_tries_cuda_and_never_tensorrt(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def no_gpu_session(graph: bytes, options: ort.SessionOptions, device: str, *, graphs: bool) -> ort.InferenceSession:
        tried.append(device)
        raise DeviceUnavailable("none here")

    monkeypatch.setattr("app.inference.session.cuda_session", no_gpu_session)
    assert Model(graph, "auto").device == "cpu"
    assert set(tried) == {"cuda"}


class LoadsOnly:
    """A session that loads but cannot run, as on a GPU too old for the installed CUDA."""

    def __init__(self, graph: bytes) -> None:
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.get_inputs, self.get_outputs, self.io_binding = session.get_inputs, session.get_outputs, session.io_binding

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")


def test_auto_takes_the_cpu_if_the_gpu_loads_the_graph_but_cannot_run_it(
    graph: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.inference.session.cuda_session", lambda graph, options, device, graphs: LoadsOnly(graph))
    monkeypatch.setattr("app.inference.session.GraphRunner", partial(GraphRunner, memory="cpu"))
    with caplog.at_level(logging.INFO):
        assert Model(graph, "auto").device == "cpu"
    assert "no kernel image" in caplog.records[-1].getMessage()


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


def test_graph_of_other_inputs_is_refused() -> None:
    import onnx
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 784])
    out = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 784])
    graph = helper.make_graph([helper.make_node("Relu", ["pixels"], ["probabilities"])], "other", [image], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    with pytest.raises(ModelRefused, match="uint8 image"):
        Model(model.SerializeToString(), "cpu")


@pytest.mark.parametrize("name", EXTERNAL_DATA)
def test_graph_with_weights_in_another_file_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read files of the working directory."""
    (tmp_path / FILE).write_bytes(np.zeros((784, 10), np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    graph = EXTERNAL_DATA[name]()
    ort.InferenceSession(graph, providers=["CPUExecutionProvider"])  # which loads it
    with pytest.raises(ModelRefused, match=r"weights in other files \(external data\): save it as one file"):
        Model(graph, "cpu")
