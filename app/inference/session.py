"""One ONNX Runtime session on the device that was asked for, or none at all."""

from __future__ import annotations

import ctypes
import functools
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import numpy as np
import onnxruntime as ort

from app.arrays import Images, Probabilities
from app.errors import DeviceUnavailable, ModelRefused, StartupError
from app.inference.cuda import GpuDevice, GraphRunner, cuda_session, first_line
from app.settings import DeviceChoice

Device = Literal["cuda", "tensorrt", "cpu"]

INPUT = "image"
OUTPUT = "probabilities"

# Windows counts a thread's time in steps of 16 ms, which is no use here.
thread_clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-6 else time.perf_counter

# glibc's numbers for what `mallopt` sets, and the bytes from which on memory is the system's own and not the heap's.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2**23

logger = logging.getLogger(__name__)


class Model:
    """A graph loaded on one device. `run` may be called from any thread."""

    def __init__(self, graph: bytes, device: DeviceChoice = "auto", *, max_batch_size: int = 64) -> None:
        """`max_batch_size` is what `warm_up` prepares for; `run` takes larger batches too.

        Raises `DeviceUnavailable` (only if `device` is "cuda" or "tensorrt") or `ModelRefused`.
        """
        self.runner, self.device = open_runner(graph, device, max_batch_size)
        self.max_batch_size = max_batch_size
        self.seconds_per_image = 0.0  # of the largest batch, on the CPU; known after `warm_up`

    @property
    def session(self) -> ort.InferenceSession:
        return self.runner.session

    def run(self, images: Images) -> Probabilities:
        """The whole batch at once; (n, 28, 28) uint8 -> (n, 10) float32."""
        return self.runner.run(images)

    def warm_up(self) -> None:
        """Runs what a first caller would wait for: on the GPU every batch size there will be.

        On the CPU the largest, which takes the memory of all: after it no smaller one's first run is slower.

        Raises `DeviceUnavailable` if the GPU fails at it, `ModelRefused` if the graph does.
        """
        images = np.zeros((self.max_batch_size, 28, 28), np.uint8)
        try:
            if isinstance(self.runner, GraphRunner):
                self.runner.warm_up()
            check_answers(self.run(images))
        except StartupError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no base of their own
            raise ModelRefused(f"the graph does not run: {first_line(error)}") from error
        if self.device == "cpu":
            self.seconds_per_image = fastest(lambda: self.run(images)) / self.max_batch_size


class CpuRunner:
    """Runs a session on the CPU, batches as they come."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.session = session

    def run(self, images: Images) -> Probabilities:
        probabilities: Probabilities = self.session.run([OUTPUT], {INPUT: images})[0]
        return probabilities


def fastest(run: Callable[[], object], runs: int = 3) -> float:
    """Seconds of this thread's own in the fastest of some runs: whatever else the machine does disturbs the others.

    An image of `digits`, measured while requests were answered on the same core: 119 us, as without them; by a clock on
    the wall 350 to 580 us.
    """
    seconds = []
    for _ in range(runs):
        start = thread_clock()
        run()
        seconds.append(thread_clock() - start)
    return min(seconds)


def open_runner(graph: bytes, device: DeviceChoice, max_batch_size: int) -> tuple[CpuRunner | GraphRunner, Device]:
    if device == "cpu":
        return cpu_runner(graph), "cpu"
    if device != "auto":
        return gpu_runner(graph, device, max_batch_size), device
    try:
        runner = gpu_runner(graph, "cuda", max_batch_size)
        runner.warm_up()  # a GPU too old for its libraries loads the graph and fails the first run
    except DeviceUnavailable as error:
        logger.info("device auto: using the CPU, since CUDA cannot be used: %s", error)
        return cpu_runner(graph), "cpu"
    return runner, "cuda"


def cpu_runner(graph: bytes) -> CpuRunner:
    share_memory()
    options = session_options()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False  # a plan for each batch size: memory that the shared arena would not give again
    session = create(graph, options, ["CPUExecutionProvider"])
    check_signature(session)
    return CpuRunner(session)


@functools.cache  # once a process
def share_memory() -> None:
    """One arena for all models on the CPU, which grows by what is asked for and not to twice that.

    Both models after batches of 64, and the convolutional one's run of 64: 16.7 MB, 6.1 ms; an arena for each, as
    onnxruntime has it: 21.3 MB, 6.1 ms; none: 20.9 MB, 6.4 ms, since each run's memory goes back to the system.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    default = {"max_mem": 0, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(default | {"arena_extend_strategy": 1}))


def gpu_runner(graph: bytes, device: GpuDevice, max_batch_size: int) -> GraphRunner:
    def open_session(graphs: bool) -> ort.InferenceSession:
        session = cuda_session(graph, session_options(), device, graphs=graphs)
        check_signature(session)
        return session

    # TensorRT may build an engine anew for a new batch size, where a captured graph would go on replaying the old one.
    return GraphRunner(open_session, OUTPUT, max_batch_size, graphs=device == "cuda")


def session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    # One thread a run: a 28 x 28 picture is less work than waking a second thread.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread burns no CPU
    options.log_severity_level = 4  # what fails is raised, and said by us in one line
    return options


def create(graph: bytes, options: ort.SessionOptions, providers: list[str]) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(graph, options, providers)
    except Exception as error:  # onnxruntime's exceptions share no base of their own
        raise ModelRefused(f"onnxruntime cannot load the graph: {first_line(error)}") from error


def check_signature(session: ort.InferenceSession) -> None:
    """The graph takes `image` uint8 (batch, 28, 28) and gives `probabilities` float32 (batch, 10), or is refused."""
    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    outputs = {each.name: (each.type, each.shape[1:]) for each in session.get_outputs()}
    if inputs != {INPUT: ("tensor(uint8)", [28, 28])}:
        raise ModelRefused(f"the graph's inputs are {inputs}, not one uint8 {INPUT} of [batch, 28, 28]")
    if outputs.get(OUTPUT) != ("tensor(float)", [10]):
        raise ModelRefused(f"the graph's outputs are {outputs}, with no float {OUTPUT} of [batch, 10]")


def check_answers(answers: Probabilities) -> None:
    """A graph may declare one shape and answer with another."""
    if answers.shape[1:] != (10,) or not (answers.min() >= 0 and answers.sum(axis=1).max() <= 1 + 1e-3):  # nor NaN
        raise ModelRefused("the graph's answers are no probabilities of ten digits")


def trim_memory() -> None:
    """Gives back what loading took for a while, 12 MB at the start. Only glibc keeps it, and only it can be asked."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def keep_no_large_memory() -> None:
    """From now on what is large goes back to the system when it is free. glibc alone would learn to keep it.

    Photos of up to 48 megapixels left 380 to 400 MB behind; 100,000 damaged pictures, some as large, leave 165 to 175.
    With 1 MiB for a bound, the body of a few that each large request has is mapped anew, page by page, and small
    requests beside it wait for that: p99 6 ms instead of 2.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, LARGE)
