"""One ONNX Runtime session on the device that was asked for, or none at all."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import sys
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.errors import DeviceUnavailable, ModelRefused

Images = NDArray[np.uint8]  # (n, 28, 28), 0 = paper, 255 = ink
Probabilities = NDArray[np.float32]  # (n, 10), each row sums to 1, calibrated

DeviceChoice = Literal["auto", "cuda", "cpu"]
Device = Literal["cuda", "cpu"]

INPUT = "image"
OUTPUT = "probabilities"

logger = logging.getLogger(__name__)


class Model:
    """A graph loaded on one device. `run` may be called from any thread."""

    def __init__(self, graph: bytes, device: DeviceChoice = "auto") -> None:
        """Raises `DeviceUnavailable` (only if `device` is "cuda") or `ModelRefused`."""
        self.session, self.device = open_session(graph, device)
        check_signature(self.session)

    def run(self, images: Images) -> Probabilities:
        """One run of the graph for the whole batch; (n, 28, 28) uint8 -> (n, 10) float32."""
        probabilities: Probabilities = self.session.run([OUTPUT], {INPUT: images})[0]
        return probabilities

    def warm_up(self, max_batch_size: int) -> None:
        """Runs the smallest and the largest batch once, so that no caller waits for a first run's allocations."""
        for n in {1, max_batch_size}:
            self.run(np.zeros((n, 28, 28), np.uint8))


def open_session(graph: bytes, device: DeviceChoice) -> tuple[ort.InferenceSession, Device]:
    if device == "cpu":
        return cpu_session(graph), "cpu"
    try:
        return cuda_session(graph), "cuda"
    except DeviceUnavailable as error:
        if device == "cuda":
            raise
        logger.info("device auto: using the CPU, since CUDA cannot be used: %s", error)
        return cpu_session(graph), "cpu"


def cpu_session(graph: bytes) -> ort.InferenceSession:
    options = session_options()
    # One thread a run: a 28 x 28 picture is less work than waking a second thread.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return create(graph, options, ["CPUExecutionProvider"])


def cuda_session(graph: bytes) -> ort.InferenceSession:
    """A session with every node on the GPU. Raises `DeviceUnavailable`, never falls back.

    onnxruntime loads on the CPU without a word when CUDA is missing. It fails only if CPU fallback is disabled in the
    session's options *and* the CPU provider is left out of the list; and it re-creates the session on the CPU after
    a failed run unless `disable_fallback()` was called.
    """
    if problem := cuda_problem():
        raise DeviceUnavailable(problem)
    preload_cuda()
    options = session_options()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    cuda_options = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    try:
        session = ort.InferenceSession(graph, options, [("CUDAExecutionProvider", cuda_options)])
    except Exception as error:  # onnxruntime's exceptions share no base of their own
        raise DeviceUnavailable(f"onnxruntime could not put the graph on the GPU: {first_line(error)}") from error
    session.disable_fallback()
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise DeviceUnavailable("onnxruntime loaded the graph on the CPU: its CUDA libraries cannot be loaded")
    return session


def cuda_problem() -> str | None:
    """Why CUDA cannot work here, or None. Cheap: asks before anything of CUDA is loaded."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return "the installed onnxruntime has no CUDA in it: install onnxruntime-gpu"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "this machine has no NVIDIA driver (in a container: start it with its GPUs, e.g. --gpus all)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver finds no GPU it can use"
    return None


def preload_cuda() -> None:
    """Loads CUDA's and cuDNN's libraries from their wheels, where nothing else puts them on the loader's path."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):  # it prints instead of raising
        ort.preload_dlls()
    for line in said.getvalue().splitlines():
        logger.warning("onnxruntime.preload_dlls: %s", line)


def session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
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


def first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
