"""Exports a run: its Keras model as a calibrated ONNX graph, proven equal to the Keras model before it is written."""

from __future__ import annotations

import contextlib
import io
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

from app.arrays import CLASSES, IMAGE_SIZE, Images
from app.inference.session import INPUT, OUTPUT, Model
from app.repository.manifest import Parity
from training.calibration import Calibration, Logits, Predictions, calibrate, validation_pictures
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ExportError
from training.evaluation.predictions import run_in_batches
from training.networks.train import load_saved
from training.runs import MODEL_FILE, check_trained, read_config

OPSET = 18  # the newest that tf2onnx is tested with
PRODUCER = "digits"  # in the metadata of the graph
TOLERANCE = 1e-5  # largest difference of a probability between the graph and Keras
PROOF_BATCH_SIZES = (1, 64)  # images; the graph must equal Keras in both
KERAS_BATCH_SIZE = 500  # images


@dataclass(frozen=True)
class Export:
    """An exported graph, with what its manifest says about it."""

    graph: bytes  # model.onnx
    parameters: int
    multiply_adds: int  # for one image
    calibration: Calibration
    parity: Parity  # with Keras


def export(run: Path, data: Split) -> Export:
    """Exports the epoch that the run kept. Raises `ExportError` if there is none, or if the graph differs from it."""
    keras.utils.clear_session(free_memory=False)  # numbers in the names of layers start anew: the graph has them too
    config, model = read_run(run)
    calibration = calibrate_run(config, model, data.validation, validation_pictures(config))
    calibrated = add_calibration(model, calibration.temperature, len(config.labels))
    graph = to_onnx(calibrated, config)
    return Export(
        graph=graph,
        parameters=model.count_params(),
        multiply_adds=count_multiply_adds(model),
        calibration=calibration,
        parity=prove(graph, calibrated, data.test),
    )


def read_run(run: Path) -> tuple[TrainConfig, keras.Model]:
    """The configuration and the model of the epoch that the run kept. Raises `ExportError` or `DataError`."""
    check_trained(run)
    return read_config(run), to_float32(load_saved(run / MODEL_FILE))


def calibrate_run(config: TrainConfig, model: keras.Model, digits: Digits, pictures: Digits | None) -> Calibration:
    """By validation digits and, if there are any, validation pictures."""
    of_digits = Predictions(predict(model, digits.images), digits.labels)
    of_pictures = Predictions(predict(model, pictures.images), pictures.labels) if pictures else None
    return calibrate(of_digits, of_pictures, len(config.labels))


def to_float32(model: keras.Model) -> keras.Model:
    """The same weights, computing in float32: ONNX Runtime would not reproduce the float16 sums of mixed precision."""
    if all(layer.compute_dtype == "float32" for layer in model.layers if hasattr(layer, "kernel")):
        return model
    copy = keras.models.clone_model(model, clone_function=to_float32_layer)
    copy.set_weights(model.get_weights())
    return copy


def to_float32_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if "dtype" in config and not isinstance(layer, keras.layers.InputLayer):
        config["dtype"] = "float32"
    return type(layer).from_config(config)


def predict(model: keras.Model, images: Images) -> Logits:
    """(n, 28, 28) -> (n, outputs)."""
    logits: Logits = model.predict(images, batch_size=KERAS_BATCH_SIZE, verbose=0)
    return logits


def count_multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of the dense layers and convolutions, for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            positions = int(np.prod(layer.output.shape[1:-1], dtype=int))
            total += positions * int(np.prod(layer.kernel.shape))
    return total


def add_calibration(model: keras.Model, temperature: float, classes: int = CLASSES) -> keras.Model:
    """The model followed by the temperature and the softmax. The names of its outputs become those of the graph.

    With one logit more than classes, the remainder of the probabilities to 1 is the probability of a non-digit.
    """
    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name=INPUT)
    logits = model(image) / temperature
    probabilities = ops.softmax(logits)
    if logits.shape[-1] > classes:
        probabilities = probabilities[:, :classes]
    calibrated = keras.Model(image, {"logits": logits, OUTPUT: probabilities}, name=model.name)
    calibrated(np.zeros((1, IMAGE_SIZE, IMAGE_SIZE), np.uint8))  # Keras exports only a model that has been called
    return calibrated


def to_onnx(calibrated: keras.Model, config: TrainConfig) -> bytes:
    """The bytes of model.onnx."""
    with tempfile.TemporaryDirectory() as scratch, silence_output():
        path = Path(scratch) / "model.onnx"
        calibrated.export(str(path), format="onnx", opset_version=OPSET, verbose=False)
        graph = onnx.load(path)
    name_batch_dimension(graph)
    renumber_names(graph.graph)
    add_metadata(graph, config)
    onnx.checker.check_model(graph, full_check=True)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def name_batch_dimension(graph: onnx.ModelProto) -> None:
    """Gives the batch dimension one name: tf2onnx names it differently in each tensor."""
    del graph.graph.value_info[:]  # contains the other names, and is inferred again when needed
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def renumber_names(graph: onnx.GraphProto) -> None:
    """tf2onnx numbers names, as in const_fold__9, for the whole process: they would depend on what was done before."""
    numbers: dict[str, str] = {}

    def renumbered(name: str) -> str:
        stem, mark, number = name.rpartition("__")
        return numbers.setdefault(name, f"{stem}__{len(numbers)}") if mark and number.isdecimal() else name

    for node in graph.node:
        node.name = renumbered(node.name)
        node.input[:] = map(renumbered, node.input)
        node.output[:] = map(renumbered, node.output)
    for initializer in graph.initializer:
        initializer.name = renumbered(initializer.name)


def add_metadata(graph: onnx.ModelProto, config: TrainConfig) -> None:
    graph.producer_name = PRODUCER
    graph.producer_version = ""
    graph.model_version = 0
    graph.graph.name = config.name
    graph.graph.doc_string = ""  # tf2onnx's has the number of a function of TensorFlow
    graph.doc_string = (
        "Reads one handwritten digit. image: uint8 [batch, 28, 28] as MNIST's, 0 = paper, 255 = ink. "
        f"logits: float32 [batch, {config.outputs}], calibrated. probabilities: their softmax."
    )
    labels = ",".join(config.labels)
    onnx.helper.set_model_props(graph, {"name": config.name, "architecture": config.arch, "labels": labels})


def prove(graph: bytes, calibrated: keras.Model, digits: Digits) -> Parity:
    """Runs the graph, in the class that serves it, and Keras on every digit. Raises `ExportError` if they differ."""
    expected = calibrated.predict(digits.images, batch_size=KERAS_BATCH_SIZE, verbose=0)[OUTPUT]
    model = Model(graph, device="cpu", classes=expected.shape[1])
    predictions = [run_in_batches(model, digits.images, size) for size in PROOF_BATCH_SIZES]
    difference = max(float(np.abs(probabilities - expected).max()) for probabilities in predictions)
    equal = all(np.array_equal(probabilities.argmax(axis=1), expected.argmax(axis=1)) for probabilities in predictions)
    if not (difference <= TOLERANCE and equal):  # not `difference > TOLERANCE`, which is false for NaN
        verdict = "the same digits" if equal else "different digits"
        raise ExportError(
            f"the graph differs from the Keras model: probabilities by up to {difference:.2g} "
            f"(at most {TOLERANCE:.0e} is allowed), and it reads {verdict}; nothing was written"
        )
    return Parity(
        data=f"MNIST test, {len(digits):,} digits",
        batch_sizes=list(PROOF_BATCH_SIZES),
        max_abs_difference=difference,
        equal_argmax=equal,
    )


@contextlib.contextmanager
def silence_output() -> Iterator[None]:
    """Discards what Keras, tf2onnx and TensorFlow's C++ code print, and their warnings."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(null)
