"""Everything that needs a GPU: sessions that are on it with every node or do not exist, and fixed batches run on it.

images (n, 28, 28) -> smallest bucket that holds n -> zeros up to its size -> GPU -> the first n rows

Nothing here knows the device the caller would like instead: what cannot be had is raised.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.errors import DeviceUnavailable

GpuDevice = Literal["cuda", "tensorrt"]

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

logger = logging.getLogger(__name__)


class GraphRunner:
    """Runs a session in batches of fixed sizes at fixed addresses, each size replaying the CUDA graph captured for it.

    Without graphs everything else stays as it is. `run` may be called from any thread: the runs themselves follow one
    another on a single thread of the runner's own, because onnxruntime keeps captured graphs per thread.
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
        """`open_session(graphs)` opens the session, with graph capture or without; `memory` is where the buffers lie.

        Raises `DeviceUnavailable` if it cannot be opened without graphs either.
        """
        self.open_session = open_session
        self.output = output
        self.sizes = bucket_sizes(max_batch_size)
        self.graphs = graphs
        self.memory = memory
        self._warm = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gpu")
        try:
            self._open()
        except DeviceUnavailable as error:
            self._open_without_graphs(error)

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 28, 28) -> (n, 10), for any n. The first run of a runner that is not warm warms it up."""
        return self._thread.submit(self._run, images).result()

    def warm_up(self) -> None:
        """Runs every bucket twice: one run captures its graph, one replays it. Raises `DeviceUnavailable`."""
        self._thread.submit(self._warm_up).result()

    def _open(self) -> None:
        self.session = self.open_session(self.graphs)
        with unavailable("the GPU gives no memory for the batches"):
            self.buckets = [
                Bucket.of(self.session, self.output, size, self.memory, graph_id)
                for graph_id, size in enumerate(self.sizes, start=1)
            ]

    def _open_without_graphs(self, why: DeviceUnavailable) -> None:
        """The same device without graphs; raises `why` again if that is what failed."""
        if not self.graphs:
            raise why
        self.graphs = False
        self.buckets, self.session = [], None  # their memory is free before the next session asks for its own
        self._open()
        logger.warning("CUDA graphs are off for this model, which stays on the GPU: %s", why)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not self._warm:
            self._warm_up()
        largest = self.sizes[-1]
        starts = range(0, max(len(images), 1), largest)  # no images at all are a run too, cut to no rows
        rows = [self._run_one(images[start : start + largest]) for start in starts]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _run_one(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        bucket = next(each for each in self.buckets if each.size >= len(images))
        return bucket.run(self.session, images)

    def _warm_up(self) -> None:
        try:
            self._run_every_bucket()
        except DeviceUnavailable as error:
            self._open_without_graphs(error)
            self._run_every_bucket()
        self._warm = True

    def _run_every_bucket(self) -> None:
        # The largest first: smaller ones then find their memory in the arena, and TensorRT, which builds an engine anew
        # for a size outside the range it has seen, is done after the largest and the smallest.
        with unavailable("a run on the GPU failed"):
            for bucket in (self.buckets[-1], *self.buckets[:-1]):
                for _ in range(2):
                    bucket.run(self.session, bucket.zeros())


@dataclass(frozen=True)
class Bucket:
    """One batch size: its buffers on the device, and the id of the graph captured over exactly these buffers."""

    size: int
    inputs: ort.OrtValue  # (size, 28, 28) uint8
    outputs: ort.OrtValue  # (size, 10) float32
    binding: ort.IOBinding
    options: ort.RunOptions

    @classmethod
    def of(cls, session: ort.InferenceSession, output: str, size: int, memory: str, graph_id: int) -> Self:
        shapes = {each.name: [size, *each.shape[1:]] for each in (*session.get_inputs(), *session.get_outputs())}
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
        """At most `size` images -> their rows, as a copy that the next run leaves alone."""
        self.inputs.update_inplace(self.padded(images))  # in place: a captured graph reads from this address for ever
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
    """A session with every node on the GPU. Raises `DeviceUnavailable`, never falls back.

    onnxruntime loads on the CPU without a word when CUDA is missing. It fails only if CPU fallback is disabled in the
    session's options *and* the CPU provider is left out of the list; and it re-creates the session on the CPU after
    a failed run unless `disable_fallback()` was called. Where the nodes really are is then asked of the session.
    """
    if problem := cuda_problem():
        raise DeviceUnavailable(problem)
    preload_cuda()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = provider_options(device, graphs=graphs)
    with unavailable("onnxruntime could not put the graph on the GPU"):
        # enable_fallback=0: or a failed load is tried again on other devices, with prints.
        session = ort.InferenceSession(graph, options, list(providers.items()), enable_fallback=0)
    session.disable_fallback()
    prove_placement(session, list(providers))
    return session


@contextlib.contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Whatever onnxruntime raises, whose exceptions share no base of their own, as `DeviceUnavailable` in one line."""
    try:
        yield
    except Exception as error:
        raise DeviceUnavailable(f"{what}: {first_line(error)}") from error


def provider_options(device: GpuDevice, *, graphs: bool) -> dict[str, dict[str, str | bool]]:
    """The providers that may take nodes, the first before the second, never the CPU's."""
    cuda: dict[str, str | bool] = {
        "arena_extend_strategy": "kSameAsRequested",  # no doubling: the buckets are all it will ever need
        "cudnn_conv_algo_search": "HEURISTIC",  # the default measures every algorithm for each new batch size
        "enable_cuda_graph": graphs,
    }
    if device == "cuda":
        return {CUDA: cuda}
    # Half precision would change answers; a cached engine is only right for the very GPU and TensorRT that built it.
    return {TENSORRT: {"trt_fp16_enable": False, "trt_engine_cache_enable": False}, CUDA: cuda}


def prove_placement(session: ort.InferenceSession, providers: Sequence[str]) -> None:
    """Every node is on one of `providers`, the first has at least one; or `DeviceUnavailable` names what is not.

    The session must have been made with `session.record_ep_graph_assignment_info`.
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
    """Why CUDA cannot work here, or None. Cheap: asks before anything of CUDA is loaded."""
    if CUDA not in ort.get_available_providers():
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


def first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
