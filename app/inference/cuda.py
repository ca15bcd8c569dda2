"""Sessions with every node on the GPU, and batches of fixed sizes run on it.

    images (n, 28, 28) -> smallest bucket that holds n -> padding with zeros -> GPU -> the first n rows

Never falls back to another device: raises `DeviceUnavailable`.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.daemon_thread import DaemonThread
from app.errors import DeviceUnavailable

GpuDevice = Literal["cuda", "tensorrt"]

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

logger = logging.getLogger(__name__)


class GraphRunner:
    """Runs a session in batches of fixed sizes at fixed addresses; each size replays the CUDA graph captured for it.

    `run` may be called from any thread. The runs follow one another on the runner's own thread, because onnxruntime
    keeps captured graphs per thread.
    """

    def __init__(
        self,
        open_session: Callable[[bool], ort.InferenceSession],
        output: str,
        max_batch_size: int,
        *,
        graphs: bool = True,
        memory: str = "cuda",
    ) -> None:
        """`open_session(graphs)` opens the session with or without graph capture; `memory` is the buffers' device.

        Raises `DeviceUnavailable` if the session cannot be opened without graphs either.
        """
        self.open_session = open_session
        self.output = output
        self.sizes = bucket_sizes(max_batch_size)
        self.graphs = graphs
        self.memory = memory
        self._warm = False
        self._thread = DaemonThread("gpu", low_priority=False)
        try:
            self._open()
        except DeviceUnavailable as error:
            self._open_without_graphs(error)

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 28, 28) -> (n, 10), for any n. Warms up first if that was not done."""
        return self._thread.submit(self._run, images).result()

    def warm_up(self) -> None:
        """Runs every bucket twice: the first run captures its graph, the second replays it.

        Raises `DeviceUnavailable`.
        """
        self._thread.submit(self._warm_up).result()

    def _open(self) -> None:
        self.session = self.open_session(self.graphs)
        with unavailable("the GPU has no memory for the batches"):
            self.buckets = [
                Bucket.of(self.session, self.output, size, self.memory, graph_id)
                for graph_id, size in enumerate(self.sizes, start=1)
            ]

    def _open_without_graphs(self, error: DeviceUnavailable) -> None:
        """Opens the session on the same device without graphs; raises `error` if it had none."""
        if not self.graphs:
            raise error
        self.graphs = False
        self.buckets, self.session = [], None  # frees their memory before the next session allocates its own
        self._open()
        logger.warning("CUDA graphs are off for this model, which stays on the GPU: %s", error)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not self._warm:
            self._warm_up()
        largest = self.sizes[-1]
        starts = range(0, max(len(images), 1), largest)  # no images are a run too, of no rows
        rows = [self._run_one(images[start : start + largest]) for start in starts]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _run_one(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        bucket = next(bucket for bucket in self.buckets if bucket.size >= len(images))
        return bucket.run(self.session, images)

    def _warm_up(self) -> None:
        try:
            self._run_every_bucket()
        except DeviceUnavailable as error:
            self._open_without_graphs(error)
            self._run_every_bucket()
        self._warm = True

    def _run_every_bucket(self) -> None:
        # The largest first: the smaller ones then find their memory in the arena. TensorRT rebuilds its engine for a
        # size outside the range it has seen, so it is done after the largest and the smallest.
        with unavailable("a run on the GPU failed"):
            for bucket in (self.buckets[-1], *self.buckets[:-1]):
                for _ in range(2):
                    bucket.run(self.session, bucket.zeros())


@dataclass(frozen=True)
class Bucket:
    """One batch size: its buffers on the device, and the id of the graph captured with these buffers."""

    size: int
    inputs: ort.OrtValue  # (size, 28, 28) uint8
    outputs: ort.OrtValue  # (size, 10) float32
    binding: ort.IOBinding
    options: ort.RunOptions

    @classmethod
    def of(cls, session: ort.InferenceSession, output: str, size: int, memory: str, graph_id: int) -> Self:
        tensors = (*session.get_inputs(), *session.get_outputs())
        shapes = {tensor.name: [size, *tensor.shape[1:]] for tensor in tensors}
        image = session.get_inputs()[0].name
        inputs = ort.OrtValue.ortvalue_from_shape_and_type(shapes[image], np.uint8, memory, 0)
        outputs = ort.OrtValue.ortvalue_from_shape_and_type(shapes[output], np.float32, memory, 0)
        binding = session.io_binding()
        binding.bind_ortvalue_input(image, inputs)
        binding.bind_ortvalue_output(output, outputs)
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(graph_id))
        return cls(size, inputs, outputs, binding, options)

    def run(self, session: ort.InferenceSession, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 28, 28) with n <= `size` -> (n, 10), a copy that the next run does not overwrite."""
        self.inputs.update_inplace(self.padded(images))  # in place: a captured graph always reads from this address
        session.run_with_iobinding(self.binding, self.options)
        rows: NDArray[np.float32] = self.outputs.numpy()[: len(images)].copy()
        return rows

    def padded(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if len(images) == self.size:
            return np.ascontiguousarray(images)
        batch = self.zeros()
        batch[: len(images)] = images
        return batch

    def zeros(self) -> NDArray[np.uint8]:
        return np.zeros(self.inputs.shape(), np.uint8)


def bucket_sizes(max_batch_size: int) -> list[int]:
    """1, 2, 4 ... below `max_batch_size`, and `max_batch_size` itself."""
    return [*(2**power for power in range((max_batch_size - 1).bit_length())), max_batch_size]


def cuda_session(
    graph: bytes, options: ort.SessionOptions, device: GpuDevice = "cuda", *, graphs: bool = False
) -> ort.InferenceSession:
    """A session with every node on the GPU. Never falls back: raises `DeviceUnavailable`.

    onnxruntime loads silently on the CPU when CUDA is missing. It fails only if the session's options disable the CPU
    fallback *and* the CPU provider is left out of the list. After a failed run it re-creates the session on the CPU
    unless `disable_fallback()` was called. The session is then asked where each node is.
    """
    if problem := cuda_problem():
        raise DeviceUnavailable(problem)
    preload_cuda()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = provider_options(device, graphs=graphs)
    with unavailable("onnxruntime could not put the graph on the GPU"):
        # Without enable_fallback=0 a failed load is tried again on other devices, with prints.
        session = ort.InferenceSession(graph, options, list(providers.items()), enable_fallback=0)
    session.disable_fallback()
    prove_placement(session, list(providers))
    return session


@contextlib.contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Raises onnxruntime's exceptions, which share no base class, as `DeviceUnavailable` with one line of text."""
    try:
        yield
    except Exception as error:
        raise DeviceUnavailable(f"{what}: {first_line(error)}") from error


def provider_options(device: GpuDevice, *, graphs: bool) -> dict[str, dict[str, str | bool]]:
    """The providers that may take nodes, in order of preference; never the CPU's."""
    cuda: dict[str, str | bool] = {
        "arena_extend_strategy": "kSameAsRequested",  # no doubling: the buckets are all that is ever allocated
        "cudnn_conv_algo_search": "HEURISTIC",  # the default measures every algorithm for each new batch size
        "enable_cuda_graph": graphs,
    }
    if device == "cuda":
        return {CUDA: cuda}
    # Half precision would change results; a cached engine is valid only for the GPU and TensorRT that built it.
    return {TENSORRT: {"trt_fp16_enable": False, "trt_engine_cache_enable": False}, CUDA: cuda}


def prove_placement(session: ort.InferenceSession, providers: Sequence[str]) -> None:
    """Raises `DeviceUnavailable` unless every node is on one of `providers` and the first has at least one.

    The session must have been opened with `session.record_ep_graph_assignment_info`.
    """
    active = session.get_providers()[0]
    if active != providers[0]:
        raise DeviceUnavailable(f"onnxruntime uses {active}, not {providers[0]}: its libraries cannot be loaded")
    parts = session.get_provider_graph_assignment_info()
    placed = [(node.name or node.op_type, part.ep_name) for part in parts for node in part.get_nodes()]
    for node, provider in placed:
        if provider not in providers:
            raise DeviceUnavailable(f"node {node} is on {provider}, not on {' or '.join(providers)}")
    if providers[0] not in {provider for _, provider in placed}:
        raise DeviceUnavailable(f"{providers[0]} has taken none of the graph's {len(placed)} nodes")


def cuda_problem() -> str | None:
    """Why CUDA cannot be used on this machine, or None. Cheap: loads nothing of CUDA but the driver."""
    if CUDA not in ort.get_available_providers():
        return "the installed onnxruntime is built without CUDA: install onnxruntime-gpu"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "this machine has no NVIDIA driver (in a container: start it with access to the GPUs, e.g. --gpus all)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver finds no usable GPU"
    return None


def preload_cuda() -> None:
    """Loads the libraries of CUDA and cuDNN from their wheels, which are not on the loader's path."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):  # it prints instead of raising
        ort.preload_dlls()
    for line in printed.getvalue().splitlines():
        logger.warning("onnxruntime.preload_dlls: %s", line)


def first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
