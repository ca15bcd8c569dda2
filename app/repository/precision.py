"""Which graph of a version is loaded: float32 or int8.

On CPUs with instructions for sums of products of bytes (VNNI on x86) an int8 graph may be several times as fast;
without them, or for a small network, it may be slower. So `auto` measures both where they will run.
"""

from __future__ import annotations

import logging

import numpy as np

from app.errors import ModelRefused
from app.inference.memory import trim_memory
from app.inference.session import Model, fastest_seconds
from app.repository.manifest import INT8_FILE, Graphs
from app.settings import DeviceChoice, PrecisionChoice

MIN_SPEEDUP = 1.1  # of the largest batch: for less, int8 is not worth its small differences
MAX_SLOWDOWN = 1.1  # of a single image
RUNS_OF_ONE = 20  # measured of a single image, which takes too little time to measure few

logger = logging.getLogger(__name__)


def load_model(graphs: Graphs, device: DeviceChoice, precision: PrecisionChoice, max_batch_size: int) -> Model:
    """The graph that the setting chooses, loaded and warmed up. Raises `DeviceUnavailable` or `ModelRefused`."""
    model = choose_model(graphs, device, precision, max_batch_size)
    trim_memory()  # 0.4 ms; after 120 reloads of `digits` the process has kept 3 to 5 MB, without it 11
    return model


def choose_model(graphs: Graphs, device: DeviceChoice, precision: PrecisionChoice, max_batch_size: int) -> Model:
    if precision == "int8":
        return warm_int8(graphs.int8, max_batch_size)
    float32 = Model(graphs.float32, device, max_batch_size=max_batch_size)
    float32.warm_up()
    if precision == "float32" or graphs.int8 is None or float32.device != "cpu":
        return float32
    int8 = warm_int8(graphs.int8, max_batch_size)
    return int8 if is_faster(int8, float32) else float32


def warm_int8(graph: bytes | None, max_batch_size: int) -> Model:
    if graph is None:
        raise ModelRefused(f"DIGITS_PRECISION is int8, but the version has no {INT8_FILE}: set it to auto")
    model = Model(graph, "cpu", max_batch_size=max_batch_size, precision="int8")
    model.warm_up()
    return model


def is_faster(int8: Model, float32: Model) -> bool:
    """Whether int8 pays: it is faster in the largest batch, and a single image does not take much longer."""
    in_batches = float32.seconds_per_image / int8.seconds_per_image
    alone = seconds_of_one(float32) / seconds_of_one(int8)
    pays = in_batches >= MIN_SPEEDUP and alone >= 1 / MAX_SLOWDOWN
    logger.info(
        "precision auto: %s, because int8 takes %.0f us an image in batches of %d, %.2f times as fast as float32; "
        "a single image %.2f times",
        "int8" if pays else "float32",
        int8.seconds_per_image * 1e6,
        int8.max_batch_size,
        in_batches,
        alone,
    )
    return pays


def seconds_of_one(model: Model) -> float:
    image = np.zeros((1, 28, 28), np.uint8)
    return fastest_seconds(lambda: model.run(image), RUNS_OF_ONE)
