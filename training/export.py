"""A run's Keras model as an ONNX graph that is calibrated, and proven equal to it before anyone sees it."""

from __future__ import annotations

import contextlib
import io
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from app.arrays import Images
from app.inference.session import INPUT, OUTPUT, Model
from app.repository.manifest import Parity
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ExportError
from training.evaluation.metrics import CLASSES
from training.runs import read_config

Logits = NDArray[np.float32]  # (n, 10)
Probabilities = NDArray[np.float32]  # (n, 10)

OPSET = 18  # the newest that tf2onnx is tested with
PRODUCER = "digits"
TOLERANCE = 1e-5  # of any probability, between the graph and Keras
BATCH_SIZES = (1, 64)
ACCEPTED_SHARE = 0.995  # of the validation digits reach the threshold
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Export:
    graph: bytes  # model.onnx
    parameters: int
    multiply_adds: int  # for one image
    temperature: float
    threshold: float
    parity: Parity


def export(run: Path, data: Split) -> Export:
    """The graph of the run's best epoch. Raises `ExportError` if there is none or its graph differs from it."""
    config, model = read_run(run)
    logits = predict(model, data.validation.images)
    temperature = fit_temperature(logits, data.validation)
    served = calibrated(model, temperature)
    graph = to_onnx(served, config)
    return Export(
        graph=graph,
        parameters=model.count_params(),
        multiply_adds=multiply_adds(model),
        temperature=temperature,
        threshold=acceptance_threshold(softmax(logits / temperature)[:, :CLASSES]),
        parity=prove(graph, served, data.test),
    )


def read_run(run: Path) -> tuple[TrainConfig, keras.Model]:
    """The config and the best epoch's model. Raises `ExportError`."""
    if not all((run / name).exists() for name in ("config.json", "history.csv", "model.keras")):
        raise ExportError(f"{run} holds no trained model: make one with python -m training train --out {run}")
    return read_config(run), in_float32(keras.models.load_model(run / "model.keras", compile=False))


def in_float32(model: keras.Model) -> keras.Model:
    """The same weights computing in float32: a mixed-precision run's half-precision sums would not be reproduced."""
    if all(layer.compute_dtype == "float32" for layer in model.layers if hasattr(layer, "kernel")):
        return model
    copy = keras.models.clone_model(model, clone_function=float32_layer)
    copy.set_weights(model.get_weights())
    return copy


def float32_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if "dtype" in config and not isinstance(layer, keras.layers.InputLayer):
        config["dtype"] = "float32"
    return type(layer).from_config(config)


def predict(model: keras.Model, images: Images) -> Logits:
    logits: Logits = model.predict(images, batch_size=500, verbose=0)
    return logits


def softmax(logits: Logits) -> Probabilities:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def fit_temperature(logits: Logits, digits: Digits) -> float:
    """The temperature of least negative log-likelihood (Guo et al., 2017), by golden section on its logarithm.

    The likelihood is concave in 1 / temperature, so there is one optimum.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = map(math.log, TEMPERATURES)
    while high - low > 1e-6:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left, at_right = (negative_log_likelihood(logits, digits, math.exp(each)) for each in (left, right))
        low, high = (low, right) if at_left < at_right else (left, high)
    return math.exp((low + high) / 2)


def negative_log_likelihood(logits: Logits, digits: Digits, temperature: float) -> float:
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    of_label = scaled[np.arange(len(digits)), digits.labels]
    return float((np.log(np.exp(scaled).sum(axis=1)) - of_label).mean())


def acceptance_threshold(probabilities: Probabilities) -> float:
    """The confidence that all but 0.5 % of the digits reach, rounded down."""
    quantile = float(np.quantile(probabilities.max(axis=1), 1 - ACCEPTED_SHARE, method="lower"))
    return math.floor(quantile * 1e4) / 1e4


def multiply_adds(model: keras.Model) -> int:
    """Of the matrix products and convolutions, for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            positions = int(np.prod(layer.output.shape[1:-1], dtype=int))
            total += positions * int(np.prod(layer.kernel.shape))
    return total


def calibrated(model: keras.Model, temperature: float) -> keras.Model:
    """The model with the temperature and the softmax in it. Named outputs become the graph's.

    Where there is an eleventh logit the ten probabilities sum to less than one: the rest is that of no digit.
    """
    image = keras.Input((28, 28), dtype="uint8", name=INPUT)
    logits = model(image) / temperature
    probabilities = ops.softmax(logits)
    if logits.shape[-1] > CLASSES:
        probabilities = probabilities[:, :CLASSES]
    served = keras.Model(image, {"logits": logits, OUTPUT: probabilities}, name=model.name)
    served(np.zeros((1, 28, 28), np.uint8))  # Keras exports only what has been called
    return served


def to_onnx(served: keras.Model, config: TrainConfig) -> bytes:
    with tempfile.TemporaryDirectory() as scratch, quiet():
        path = Path(scratch) / "model.onnx"
        served.export(str(path), format="onnx", opset_version=OPSET, verbose=False)
        graph = onnx.load(path)
    name_batch(graph)
    describe(graph, config)
    onnx.checker.check_model(graph, full_check=True)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def name_batch(graph: onnx.ModelProto) -> None:
    """One name for the varying dimension: tf2onnx gives each tensor another one."""
    del graph.graph.value_info[:]  # they carry the old names, and are inferred again when needed
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def describe(graph: onnx.ModelProto, config: TrainConfig) -> None:
    graph.producer_name = PRODUCER
    graph.producer_version = ""
    graph.model_version = 0
    graph.graph.name = config.name
    graph.doc_string = (
        "Reads one handwritten digit. image: uint8 [batch, 28, 28] as MNIST's, 0 = paper, 255 = ink. "
        "logits: float32 [batch, 10], calibrated. probabilities: their softmax."
    )
    labels = ",".join(map(str, range(10)))
    onnx.helper.set_model_props(graph, {"name": config.name, "architecture": config.arch, "labels": labels})


def prove(graph: bytes, served: keras.Model, digits: Digits) -> Parity:
    """Runs the graph in the class that serves it beside Keras, on every digit. Raises `ExportError` if they differ."""
    expected = served.predict(digits.images, batch_size=500, verbose=0)[OUTPUT]
    model = Model(graph, device="cpu")
    read = [run_in_batches(model, digits.images, size) for size in BATCH_SIZES]
    difference = max(float(np.abs(each - expected).max()) for each in read)
    equal = all(bool((each.argmax(axis=1) == expected.argmax(axis=1)).all()) for each in read)
    if not (difference <= TOLERANCE and equal):  # so written that a NaN fails too
        verdict = "the same digits" if equal else "other digits"
        raise ExportError(
            f"the graph is not the Keras model: probabilities differ by up to {difference:.2g} "
            f"(at most {TOLERANCE:.0e} is allowed) and it reads {verdict}; nothing was written"
        )
    return Parity(
        data=f"MNIST test, {len(digits):,} digits",
        batch_sizes=list(BATCH_SIZES),
        max_abs_difference=difference,
        equal_argmax=equal,
    )


def run_in_batches(model: Model, images: Images, size: int) -> Probabilities:
    starts = tqdm(range(0, len(images), size), f"reading, batches of {size}", unit="run", leave=False)
    return np.concatenate([model.run(images[start : start + size]) for start in starts])


def write(content: bytes, path: Path) -> None:
    """All of the file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what Keras, tf2onnx and TensorFlow's C++ print of their own workings off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            os.close(null)
