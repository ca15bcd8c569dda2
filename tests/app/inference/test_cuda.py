"""GraphRunner with a session that behaves like a GPU's, and with the GPU itself where there is one."""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from app.arrays import Images, Probabilities
from app.errors import DeviceUnavailable
from app.inference.cuda import (
    CUDA,
    TENSORRT,
    GraphRunner,
    bucket_sizes,
    cuda_problem,
    cuda_session,
    prove_placement,
    provider_options,
)
from app.inference.session import Model, session_options
from app.repository.manifest import GRAPH_FILE
from app.repository.version_folders import newest_version
from training.datasets.mnist import Digits

CPU = "CPUExecutionProvider"


class FakeBinding:
    """Holds the bound values, as onnxruntime's binding does."""

    def bind_ortvalue_input(self, name: str, value: ort.OrtValue) -> None:
        assert name == "image"
        self.inputs = value

    def bind_ortvalue_output(self, name: str, value: ort.OrtValue) -> None:
        assert name == "probabilities"
        self.outputs = value


class FakeSession:
    """A session with graph capture: a captured graph replays with the buffers that it was captured with.

    The probability of digit d is the image's mean plus d.
    """

    def __init__(self, *, graphs: bool = True, fails: str = "") -> None:
        self.graphs = graphs
        self.fails = fails
        self.captured: dict[str, FakeBinding] = {}
        self.ids: list[str] = []
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self.running = 0
        self.overlapped = False

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="image", shape=["batch", 28, 28])]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(name="logits", shape=["batch", 10]),
            SimpleNamespace(name="probabilities", shape=["batch", 10]),
        ]

    def io_binding(self) -> FakeBinding:
        return FakeBinding()

    def run_with_iobinding(self, binding: FakeBinding, options: ort.RunOptions) -> None:
        if self.fails:
            raise RuntimeError(self.fails)
        self.running += 1
        self.overlapped |= self.running > 1
        graph_id = options.get_run_config_entry("gpu_graph_id")
        replayed = self.captured.setdefault(graph_id, binding) if self.graphs else binding
        self.ids.append(graph_id)
        self.sizes.append(len(replayed.inputs.numpy()))
        self.threads.add(threading.get_ident())
        time.sleep(0.0005)
        replayed.outputs.update_inplace(answers(replayed.inputs.numpy()))
        self.running -= 1


def answers(images: Images) -> Probabilities:
    means = images.mean(axis=(1, 2), dtype=np.float64)[:, None]
    rows: Probabilities = (means + np.arange(10)).astype(np.float32)
    return rows


def runner_of(session: FakeSession, max_batch_size: int = 64) -> GraphRunner:
    return GraphRunner(lambda graphs: session, "probabilities", max_batch_size, memory="cpu")


def pictures(n: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), np.uint8)


@pytest.fixture
def warm() -> tuple[GraphRunner, FakeSession]:
    """A warm runner for at most 64 images, and its session with nothing recorded yet."""
    session = FakeSession()
    runner = runner_of(session)
    runner.warm_up()
    session.ids, session.sizes = [], []
    return runner, session


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (64, [1, 2, 4, 8, 16, 32, 64]), (65, [1, 2, 4, 8, 16, 32, 64, 65])],
)
def test_buckets_double_up_to_exactly_the_largest(largest: int, sizes: list[int]) -> None:
    assert bucket_sizes(largest) == sizes


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100, 128, 200])
def test_padding_and_splitting_never_change_an_answer(warm: tuple[GraphRunner, FakeSession], n: int) -> None:
    images = pictures(n)
    rows = warm[0].run(images)
    assert rows.shape == (n, 10)
    assert np.array_equal(rows, answers(images))


@pytest.mark.parametrize(("n", "bucket"), [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (32, 32), (33, 64), (64, 64)])
def test_smallest_bucket_that_holds_the_batch_is_run(
    warm: tuple[GraphRunner, FakeSession], n: int, bucket: int
) -> None:
    warm[0].run(pictures(n))
    assert warm[1].sizes == [bucket]


def test_larger_than_the_largest_bucket_is_split(warm: tuple[GraphRunner, FakeSession]) -> None:
    warm[0].run(pictures(131))
    assert warm[1].sizes == [64, 64, 4]


def test_padding_holds_nothing_of_an_earlier_batch(warm: tuple[GraphRunner, FakeSession]) -> None:
    runner, _ = warm
    runner.run(pictures(64))
    runner.run(pictures(40))
    assert not runner.buckets[-1].inputs.numpy()[40:].any()


def test_an_answer_outlives_the_next_run(warm: tuple[GraphRunner, FakeSession]) -> None:
    first = warm[0].run(pictures(4, seed=1))
    warm[0].run(pictures(4, seed=2))
    assert np.array_equal(first, answers(pictures(4, seed=1)))


def test_images_that_are_not_contiguous_are_read_in_order(warm: tuple[GraphRunner, FakeSession]) -> None:
    images = pictures(8)[::2]
    assert np.array_equal(warm[0].run(images), answers(images))


def test_warm_up_runs_every_bucket_twice_and_the_largest_first() -> None:
    session = FakeSession()
    runner_of(session, 6).warm_up()
    assert session.sizes == [6, 6, 1, 1, 2, 2, 4, 4]


def test_run_before_warm_up_warms_up_first() -> None:
    session = FakeSession()
    runner = runner_of(session, 2)
    runner.run(pictures(1))
    runner.run(pictures(1))
    assert session.sizes == [2, 2, 1, 1, 1, 1]


def test_each_bucket_has_a_graph_id_and_buffers_of_its_own(warm: tuple[GraphRunner, FakeSession]) -> None:
    runner, session = warm
    addresses = [(bucket.inputs.data_ptr(), bucket.outputs.data_ptr()) for bucket in runner.buckets]
    for n in (1, 3, 64, 3, 1):
        runner.run(pictures(n))
    assert len(session.captured) == len(runner.buckets) == 7
    assert session.ids[0] == session.ids[4] != session.ids[1] == session.ids[3] != session.ids[2]
    assert [(bucket.inputs.data_ptr(), bucket.outputs.data_ptr()) for bucket in runner.buckets] == addresses
    assert len({address for pair in addresses for address in pair}) == 14


def test_graph_ids_are_positive() -> None:
    """0 is onnxruntime's default, and -1 means no graph."""
    session = FakeSession()
    runner_of(session, 4).warm_up()
    assert all(int(graph_id) > 0 for graph_id in session.ids)


def test_no_two_runs_overlap_and_all_are_on_one_thread(warm: tuple[GraphRunner, FakeSession]) -> None:
    runner, session = warm
    batches = [pictures(1 + 7 * i % 70, seed=i) for i in range(40)]
    with ThreadPoolExecutor(8) as callers:
        rows = list(callers.map(runner.run, batches))
    assert all(np.array_equal(row, answers(batch)) for row, batch in zip(rows, batches, strict=True))
    assert not session.overlapped
    assert len(session.threads) == 1, "captured graphs belong to the thread that captured them"
    assert threading.get_ident() not in session.threads


def test_deleted_runner_ends_its_thread() -> None:
    runner = runner_of(FakeSession(), 1)
    runner.warm_up()
    thread = runner._thread.thread
    del runner
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


class Device:
    """Opens fake sessions, and records whether each was to capture graphs."""

    def __init__(self, *, load_fails: tuple[bool, ...] = (), run_fails: tuple[bool, ...] = ()) -> None:
        """`load_fails` and `run_fails` hold the values of `graphs` with which loading and running fail."""
        self.load_fails = load_fails
        self.run_fails = run_fails
        self.opened: list[bool] = []

    def open(self, graphs: bool) -> FakeSession:
        self.opened.append(graphs)
        if graphs in self.load_fails:
            raise DeviceUnavailable("the graph has control flow")
        return FakeSession(graphs=graphs, fails="the stream is capturing" if graphs in self.run_fails else "")


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (Device(load_fails=(True,)), "the graph has control flow"),
        (Device(run_fails=(True,)), "the stream is capturing"),
    ],
    ids=["at load", "at the first run"],
)
def test_graph_that_cannot_be_captured_runs_without_capture_on_the_same_device_and_is_logged(
    device: Device, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    runner = GraphRunner(device.open, "probabilities", 4, memory="cpu")
    runner.warm_up()
    assert device.opened == [True, False]
    assert runner.graphs is False
    assert runner.session.sizes == [4, 4, 1, 1, 2, 2]
    assert np.array_equal(runner.run(pictures(3)), answers(pictures(3)))
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "CUDA graphs are off" in warning.getMessage()
    assert why in warning.getMessage()


def test_device_that_loads_nothing_is_unavailable_and_graphs_are_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    device = Device(load_fails=(True, False))
    with pytest.raises(DeviceUnavailable, match="control flow"):
        GraphRunner(device.open, "probabilities", 4, memory="cpu")
    assert device.opened == [True, False]
    assert not caplog.records


def test_device_that_fails_every_run_is_unavailable() -> None:
    runner = GraphRunner(Device(run_fails=(True, False)).open, "probabilities", 4, memory="cpu")
    with pytest.raises(DeviceUnavailable, match="a run on the GPU failed: the stream is capturing"):
        runner.warm_up()


def test_missing_memory_makes_the_device_unavailable() -> None:
    with pytest.raises(DeviceUnavailable, match="no memory for the batches"):
        GraphRunner(Device().open, "probabilities", 4, memory="none such")


def test_runner_without_graphs_never_asks_for_them() -> None:
    device = Device(run_fails=(False,))
    runner = GraphRunner(device.open, "probabilities", 4, graphs=False, memory="cpu")
    with pytest.raises(DeviceUnavailable):
        runner.warm_up()
    assert device.opened == [False]


@pytest.fixture(scope="module", params=["digits", "digits-mlp"])
def graph(models: Path, request: pytest.FixtureRequest) -> bytes:
    return (newest_version(models, str(request.param)) / GRAPH_FILE).read_bytes()


def cpu_session(graph: bytes, **config: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    for key, value in config.items():
        options.add_session_config_entry(f"session.{key}", value)
    return ort.InferenceSession(graph, options, [CPU])


@pytest.mark.parametrize("n", [1, 3, 64, 100])
def test_onnxruntime_accepts_the_calls_of_the_runner(graph: bytes, test_digits: Digits, n: int) -> None:
    """Binding, copying in place and run options are onnxruntime's own calls, here in CPU memory."""
    runner = GraphRunner(lambda graphs: cpu_session(graph), "probabilities", 64, memory="cpu")
    images = test_digits.images[:n]
    expected: NDArray[np.float32] = cpu_session(graph).run(["probabilities"], {"image": images})[0]
    assert np.abs(runner.run(images) - expected).max() < 1e-5


def test_onnxruntime_reports_where_every_node_is(graph: bytes) -> None:
    session = cpu_session(graph, record_ep_graph_assignment_info="1")
    prove_placement(session, [CPU])
    parts = session.get_provider_graph_assignment_info()
    nodes = {node.op_type for part in parts for node in part.get_nodes()}
    assert {part.ep_name for part in parts} == {CPU}
    assert {"Cast", "Gemm", "Softmax"} <= nodes


def test_session_that_recorded_nothing_proves_nothing(graph: bytes) -> None:
    with pytest.raises(Exception, match="record_ep_graph_assignment_info"):
        prove_placement(cpu_session(graph), [CPU])


class Placed:
    """A fake session with these nodes on these providers."""

    def __init__(self, active: str, **nodes: str) -> None:
        self.active = active
        self.nodes = nodes

    def get_providers(self) -> list[str]:
        return [self.active]

    def get_provider_graph_assignment_info(self) -> Iterator[Any]:
        for name, provider in self.nodes.items():
            node = SimpleNamespace(name=name, op_type="Gemm")
            yield SimpleNamespace(ep_name=provider, get_nodes=lambda node=node: [node])


def test_every_node_on_the_gpu_is_proof() -> None:
    prove_placement(Placed(CUDA, conv=CUDA, dense=CUDA), [CUDA])
    prove_placement(Placed(TENSORRT, cast=CUDA, dense=TENSORRT), [TENSORRT, CUDA])


@pytest.mark.parametrize(
    ("session", "providers", "why"),
    [
        (Placed(CUDA, conv=CUDA, squeeze=CPU), [CUDA], f"node squeeze is on {CPU}"),
        (Placed(TENSORRT, conv=TENSORRT, squeeze=CPU), [TENSORRT, CUDA], f"node squeeze is on {CPU}"),
        (Placed(CPU, conv=CPU), [CUDA], f"onnxruntime uses {CPU}, not {CUDA}"),
        (Placed(CUDA, conv=CUDA), [TENSORRT, CUDA], f"onnxruntime uses {CUDA}, not {TENSORRT}"),
        (Placed(TENSORRT, conv=CUDA), [TENSORRT, CUDA], f"{TENSORRT} has taken none of the graph's 1 nodes"),
        (Placed(CUDA), [CUDA], f"{CUDA} has taken none"),
    ],
)
def test_node_elsewhere_is_refused_by_name(session: Placed, providers: list[str], why: str) -> None:
    with pytest.raises(DeviceUnavailable) as refused:
        prove_placement(session, providers)
    assert why in str(refused.value)


def test_no_list_of_providers_contains_the_cpu() -> None:
    assert list(provider_options("cuda", graphs=True)) == [CUDA]
    assert list(provider_options("tensorrt", graphs=False)) == [TENSORRT, CUDA]


def test_provider_options_are_the_documented_ones() -> None:
    assert provider_options("cuda", graphs=True)[CUDA] == {
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "enable_cuda_graph": True,
    }
    assert provider_options("tensorrt", graphs=False)[CUDA]["enable_cuda_graph"] is False
    assert not any(provider_options("tensorrt", graphs=False)[TENSORRT].values()), "neither half precision nor a cache"


@pytest.fixture
def gpu() -> None:
    if problem := cuda_problem():
        pytest.skip(problem)


@pytest.fixture
def tensorrt(gpu: None) -> None:
    try:
        ctypes.CDLL("libnvinfer.so.10")
    except OSError:
        pytest.skip("this machine has no TensorRT 10")


@pytest.mark.gpu
@pytest.mark.parametrize("n", [1, 3, 64, 100])
def test_gpu_agrees_with_the_cpu_at_every_batch(gpu: None, graph: bytes, test_digits: Digits, n: int) -> None:
    model = Model(graph, "cuda")
    model.warm_up()
    assert isinstance(model.runner, GraphRunner)
    assert model.runner.graphs, "the graphs of the committed models can be captured"
    images = test_digits.images[:n]
    for _ in range(3):
        assert np.abs(model.run(images) - Model(graph, "cpu").run(images)).max() < 1e-3


@pytest.mark.gpu
@pytest.mark.parametrize("graphs", [True, False])
def test_gpu_has_every_node(gpu: None, graph: bytes, graphs: bool) -> None:
    session = cuda_session(graph, session_options(), graphs=graphs)
    parts = session.get_provider_graph_assignment_info()
    assert {part.ep_name for part in parts} == {CUDA}
    assert sum(len(part.get_nodes()) for part in parts) >= 10


@pytest.mark.gpu
def test_gpu_gives_each_of_many_threads_its_own_rows(gpu: None, graph: bytes, test_digits: Digits) -> None:
    model = Model(graph, "cuda", max_batch_size=16)
    batches = [test_digits.images[i : i + 1 + i % 20] for i in range(100)]
    with ThreadPoolExecutor(8) as callers:
        rows = list(callers.map(model.run, batches))
    on_cpu = Model(graph, "cpu")
    assert max(np.abs(row - on_cpu.run(batch)).max() for row, batch in zip(rows, batches, strict=True)) < 1e-3


@pytest.mark.gpu
@pytest.mark.parametrize("n", [1, 3, 64, 100])
def test_tensorrt_agrees_with_the_cpu_at_every_batch(tensorrt: None, graph: bytes, test_digits: Digits, n: int) -> None:
    model = Model(graph, "tensorrt")
    model.warm_up()
    assert model.device == "tensorrt"
    images = test_digits.images[:n]
    assert np.abs(model.run(images) - Model(graph, "cpu").run(images)).max() < 1e-3
