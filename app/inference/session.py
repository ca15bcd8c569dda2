"""One ONNX Runtime session on the requested device. Never falls back: raises."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import onnxruntime as ort

from app.arrays import CLASSES, Images, Probabilities
from app.errors import DeviceUnavailable, ModelRefused, StartupError
from app.inference.cuda import GpuDevice, GraphRunner, cuda_session, first_line
from app.inference.memory import share_arena
from app.settings import DeviceChoice

Device = Literal["cuda", "tensorrt", "cpu"]
Precision = Literal["float32", "int8"]

INPUT = "image"  # the graph's input, uint8 (batch, 28, 28)
OUTPUT = "probabilities"  # the output that is used, float32 (batch, classes)

# Windows counts a thread's time in steps of 16 ms, which is too coarse.
thread_clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-6 else time.perf_counter

logger = logging.getLogger(__name__)


class Model:
    """A graph loaded on one device. `run` may be called from any thread."""

    def __init__(
        self,
        graph: bytes,
        device: DeviceChoice = "auto",
        *,
        max_batch_size: int = 64,
        classes: int = CLASSES,
        precision: Precision = "float32",
    ) -> None:
        """`max_batch_size` is the largest batch that `warm_up` runs; `run` takes larger ones too.

        `precision` is that of the graph: it is noted, not converted.

        Raises `ModelRefused`, and `DeviceUnavailable` if `device` is "cuda" or "tensorrt".
        """
        self.runner, self.device = open_runner(graph, device, max_batch_size, classes)
        self.classes = classes
        self.precision = precision
        self.max_batch_size = max_batch_size
        self.seconds_per_image = 0.0  # in the largest batch on the CPU; 0 before `warm_up` and on a GPU

    @property
    def session(self) -> ort.InferenceSession:
        return self.runner.session

    def run(self, images: Images) -> Probabilities:
        """(n, 28, 28) uint8 -> (n, classes) float32, in one batch."""
        return self.runner.run(images)

    def warm_up(self) -> None:
        """Does what the first request would otherwise wait for, and on the CPU measures `seconds_per_image`.

        On a GPU, runs every batch size. On the CPU, runs the largest, which allocates the memory for all.

        Raises `DeviceUnavailable` if the GPU fails, `ModelRefused` if the graph does.
        """
        images = np.zeros((self.max_batch_size, 28, 28), np.uint8)
        images[1::2] = 255  # of paper and of ink: the graph must run on both
        try:
            if isinstance(self.runner, GraphRunner):
                self.runner.warm_up()
            check_probabilities(self.run(images), self.classes)
        except StartupError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no base of their own
            raise ModelRefused(f"the graph does not run: {first_line(error)}") from error
        if self.device == "cpu":
            self.seconds_per_image = fastest_seconds(lambda: self.run(images)) / self.max_batch_size


class CpuRunner:
    """Runs a session on the CPU, with batches of any size."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.session = session

    def run(self, images: Images) -> Probabilities:
        probabilities: Probabilities = self.session.run([OUTPUT], {INPUT: images})[0]
        return probabilities


def fastest_seconds(run: Callable[[], object], runs: int = 3) -> float:
    """CPU seconds of this thread in the fastest of some runs: the one that other work disturbed least.

    An image of `digits`, measured while requests were answered on the same core: 119 us, the same as without them; by
    wall-clock time 350 to 580 us.
    """
    seconds = []
    for _ in range(runs):
        start = thread_clock()
        run()
        seconds.append(thread_clock() - start)
    return min(seconds)


def open_runner(
    graph: bytes, device: DeviceChoice, max_batch_size: int, classes: int
) -> tuple[CpuRunner | GraphRunner, Device]:
    if device == "cpu":
        return cpu_runner(graph, classes), "cpu"
    if device != "auto":
        return gpu_runner(graph, device, max_batch_size, classes), device
    try:
        runner = gpu_runner(graph, "cuda", max_batch_size, classes)
        runner.warm_up()  # a GPU too old for its libraries loads the graph and fails at the first run
    except DeviceUnavailable as error:
        logger.info("device auto: using the CPU, because CUDA is unavailable: %s", error)
        return cpu_runner(graph, classes), "cpu"
    return runner, "cuda"


def cpu_runner(graph: bytes, classes: int) -> CpuRunner:
    share_arena()
    options = session_options()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False  # the plans, one for each batch size, would keep memory of the arena
    session = open_session(graph, options)
    check_inputs_and_outputs(session, classes)
    return CpuRunner(session)


def gpu_runner(graph: bytes, device: GpuDevice, max_batch_size: int, classes: int) -> GraphRunner:
    def open_gpu_session(graphs: bool) -> ort.InferenceSession:
        session = cuda_session(graph, session_options(), device, graphs=graphs)
        check_inputs_and_outputs(session, classes)
        return session

    # For a new batch size TensorRT may rebuild its engine, while a captured graph would still replay the old one.
    return GraphRunner(open_gpu_session, OUTPUT, max_batch_size, graphs=device == "cuda")


def session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    # One thread for each run: a 28 x 28 image is less work than waking a second thread.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread burns no CPU
    options.log_severity_level = 4  # failures are raised, and logged by us in one line
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Weights outside the graph (external data) would come from the working directory, which no manifest describes.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return options


def open_session(graph: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(graph, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base of their own
        if os.devnull in str(error):
            raise ModelRefused("the graph has weights in other files (external data): save it as one file") from error
        raise ModelRefused(f"onnxruntime cannot load the graph: {first_line(error)}") from error


def check_inputs_and_outputs(session: ort.InferenceSession, classes: int) -> None:
    """Raises `ModelRefused` unless the graph maps uint8 (batch, 28, 28) to float32 `probabilities` (batch, classes)."""
    inputs = {tensor.name: (tensor.type, tensor.shape[1:]) for tensor in session.get_inputs()}
    outputs = {tensor.name: (tensor.type, tensor.shape[1:]) for tensor in session.get_outputs()}
    if inputs != {INPUT: ("tensor(uint8)", [28, 28])}:
        raise ModelRefused(f"the graph's inputs are {inputs}, not one uint8 {INPUT} of [batch, 28, 28]")
    if outputs.get(OUTPUT) != ("tensor(float)", [classes]):
        raise ModelRefused(f"the graph's outputs are {outputs}, with no float {OUTPUT} of [batch, {classes}]")


def check_probabilities(probabilities: Probabilities, classes: int) -> None:
    """Raises `ModelRefused` unless each row is a probability for each class.

    A graph may return another shape than it declares.
    """
    if probabilities.shape[1:] != (classes,) or not (  # `not` refuses NaN too
        probabilities.min() >= 0 and probabilities.sum(axis=1).max() <= 1 + 1e-3
    ):
        raise ModelRefused(f"the graph's outputs are not probabilities of {classes} classes")
