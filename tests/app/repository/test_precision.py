"""Float32 or int8: chosen by the setting or by a measurement, and never silently.

The graphs predict the same digit for every image: the float32 graph a 3, the int8 graph an 8.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path

import onnxruntime as ort
import pytest

from app.arrays import Images, Probabilities
from app.errors import ModelRefused
from app.inference.cuda import GraphRunner, cuda_problem
from app.inference.session import CpuRunner
from app.observability import metrics
from app.repository.manifest import GRAPH_FILE, INT8_FILE, Graphs
from app.repository.precision import load_model
from app.settings import PrecisionChoice
from tests.support.constant_model import graph_of, write_version
from tests.support.model_versions import add_int8
from tests.support.repositories import predicted_digit, repository, start, versions_of
from tests.support.servables import zeros

FLOAT32 = 3
INT8 = 8
GRAPHS = Graphs(graph_of(FLOAT32), graph_of(INT8))
MAX_BATCH_SIZE = 64

Seconds = tuple[float, float]  # of a run with one image, and of each further image
SetSpeeds = Callable[[Seconds, Seconds], None]


@pytest.fixture
def set_speeds(monkeypatch: pytest.MonkeyPatch) -> SetSpeeds:
    """Makes the runs of the two graphs take a known time by the clock that measures them."""
    run = CpuRunner.run
    clock = 0.0

    def set_speeds(float32: Seconds, int8: Seconds) -> None:
        speeds = {FLOAT32: float32, INT8: int8}

        def timed(runner: CpuRunner, images: Images) -> Probabilities:
            nonlocal clock
            probabilities = run(runner, images)
            first, further = speeds[int(probabilities[0].argmax())]
            clock += first + further * (len(images) - 1)
            return probabilities

        monkeypatch.setattr(CpuRunner, "run", timed)
        monkeypatch.setattr("app.inference.session.thread_clock", lambda: clock)

    return set_speeds


def served_digit(precision: PrecisionChoice, graphs: Graphs = GRAPHS) -> int:
    return int(load_model(graphs, "cpu", precision, MAX_BATCH_SIZE).run(zeros(1)).argmax())


@pytest.mark.parametrize(
    ("float32", "int8", "served"),
    [
        ((100e-6, 100e-6), (50e-6, 50e-6), INT8),
        ((100e-6, 100e-6), (100e-6, 50e-6), INT8),
        ((100e-6, 100e-6), (95e-6, 95e-6), FLOAT32),
        ((100e-6, 100e-6), (200e-6, 200e-6), FLOAT32),
        ((100e-6, 100e-6), (150e-6, 50e-6), FLOAT32),
    ],
    ids=["twice as fast", "in batches only", "hardly faster", "slower", "faster in batches, slower alone"],
)
def test_auto_serves_int8_where_it_is_measured_to_pay(
    set_speeds: SetSpeeds, float32: Seconds, int8: Seconds, served: int, caplog: pytest.LogCaptureFixture
) -> None:
    set_speeds(float32, int8)
    with caplog.at_level(logging.INFO):
        assert served_digit("auto") == served
    assert f"precision auto: {'int8' if served == INT8 else 'float32'}, because int8 takes" in caplog.text


def test_seconds_per_image_are_those_of_the_chosen_graph(set_speeds: SetSpeeds) -> None:
    set_speeds((64e-6, 64e-6), (16e-6, 16e-6))
    assert load_model(GRAPHS, "cpu", "auto", MAX_BATCH_SIZE).seconds_per_image == pytest.approx(16e-6)
    assert load_model(GRAPHS, "cpu", "float32", MAX_BATCH_SIZE).seconds_per_image == pytest.approx(64e-6)


def test_setting_chooses_whatever_would_be_faster(set_speeds: SetSpeeds) -> None:
    set_speeds((100e-6, 100e-6), (50e-6, 50e-6))
    assert served_digit("float32") == FLOAT32
    set_speeds((50e-6, 50e-6), (100e-6, 100e-6))
    assert served_digit("int8") == INT8


def test_version_without_an_int8_graph_is_served_in_float32_unless_int8_is_demanded(tmp_path: Path) -> None:
    graphs = Graphs(graph_of(FLOAT32))
    assert served_digit("auto", graphs) == FLOAT32
    with pytest.raises(ModelRefused, match=r"DIGITS_PRECISION is int8, but the version has no model\.int8\.onnx"):
        served_digit("int8", graphs)
    write_version(tmp_path / "m", 1)
    with pytest.raises(ModelRefused, match=r"cannot be served: m/1: DIGITS_PRECISION is int8"):
        start(repository(tmp_path, "m", precision="int8"))


class RunnerOnTheCpu(GraphRunner):
    __init__ = partialmethod(GraphRunner.__init__, memory="cpu")


def test_gpu_runs_float32_and_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a simulated one."""

    def open_session(graph: bytes, options: ort.SessionOptions, device: str, *, graphs: bool) -> ort.InferenceSession:
        return ort.InferenceSession(graph, options, ["CPUExecutionProvider"])

    monkeypatch.setattr("app.inference.session.cuda_session", open_session)
    monkeypatch.setattr("app.inference.session.GraphRunner", RunnerOnTheCpu)
    with caplog.at_level(logging.INFO):
        model = load_model(GRAPHS, "auto", "auto", 2)
    assert "precision auto" not in caplog.text
    assert (model.device, model.precision, int(model.run(zeros(1)).argmax())) == ("cuda", "float32", FLOAT32)


@pytest.mark.gpu
def test_real_gpu_runs_float32() -> None:
    if problem := cuda_problem():
        pytest.skip(problem)
    model = load_model(GRAPHS, "cuda", "auto", 2)
    assert (model.precision, int(model.run(zeros(1)).argmax())) == ("float32", FLOAT32)


# --- in the repository ------------------------------------------------------------------------------------------------


def write_both(root: Path, version: int) -> Path:
    return add_int8(write_version(root / "m", version, GRAPHS.float32), graph_of(INT8))


@pytest.mark.parametrize(("precision", "digit"), [("float32", FLOAT32), ("int8", INT8)])
def test_log_and_metrics_say_what_is_served(
    tmp_path: Path, precision: PrecisionChoice, digit: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", precision=precision) as models:
            assert await predicted_digit(models) == digit
            labels = {"model": "m", "version": "1", "device": "cpu", "precision": precision}
            assert metrics.values(labels)["digits_model_loaded"] == 1

    write_both(tmp_path, 1)
    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert f"loaded m version 1 in {precision} on cpu" in caplog.text


def test_version_whose_int8_graph_is_missing_is_refused_until_it_is_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", precision="int8") as models:
            graph = write_both(tmp_path, 2) / INT8_FILE
            content = graph.read_bytes()
            graph.unlink()
            await models.reload()
            assert versions_of(models) == [1]
            assert models.refusals["m"]["2"].reason == (
                "m/2: model.int8.onnx cannot be read (No such file or directory)"
            )
            graph.write_bytes(content)
            await models.reload()
            assert versions_of(models) == [1, 2]

    write_both(tmp_path, 1)
    asyncio.run(scenario())


def test_clients_always_get_the_float32_graph(tmp_path: Path) -> None:
    """A browser runs it, and no int8 graph was compared with it there."""

    async def scenario() -> None:
        async with repository(tmp_path, "m", precision="int8") as models:
            assert await models.read_graph(models.get()) == (folder / GRAPH_FILE).read_bytes()

    folder = write_both(tmp_path, 1)
    asyncio.run(scenario())
