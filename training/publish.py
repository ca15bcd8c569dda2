"""Publishes a run as a version that can be served: writes models/<name>/<next version>/, completely or not at all."""

from __future__ import annotations

import hashlib
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from app.inference.session import Model
from app.repository.manifest import GRAPH_FILE, INT8_FILE, MANIFEST_FILE, Manifest, Metric, QuantizedGraph, Tensor
from training.adaptation.outcome import Outcome
from training.compression import CALIBRATION, SOURCE, fingerprint, read_metadata
from training.datasets.mnist import DIGESTS, Split
from training.errors import CompressionError
from training.evaluation.precisions import agree, measure_speed, speed_metrics
from training.evaluation.robustness import RobustnessResult, evaluate_robustness
from training.evaluation.testsets.base import TestSet
from training.export import Export, export
from training.files import write_atomically
from training.networks.checks import check_publishable
from training.reporting.report import write_report
from training.reporting.results import RunResults, evaluate_export
from training.runs import read_config, read_data

# Those whose versions can change the weights or the graph.
LIBRARIES = ("tensorflow", "keras", "onnx", "tf2onnx", "numpy")


def publish(run: Path, models: Path, data: Split, test_sets: Sequence[TestSet] = ()) -> Path:
    """Exports, evaluates and describes `run` as the next version of its model. Returns the new folder.

    The test digits and the test sets are used only here: to prove the export and to report. Raises `ExportError`. After
    any failure nothing is left under `models`.
    """
    check_publishable(run)
    described = describe_data(run, data)
    exported = export(run, data)
    int8 = read_int8(run, exported)
    family = models / read_config(run).name
    models.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".publishing-", dir=models))
    try:
        version = next_version(family)
        title = f"{family.name}, version {version}"
        results = evaluate(title, run, exported, data, test_sets)
        quantized = evaluate(title, run, int8, data, test_sets) if int8 else None
        write_version(scratch, results, quantized, described, version)
        scratch.chmod(0o755)  # mkdtemp gives access to the owner only
        family.mkdir(exist_ok=True)
        return scratch.rename(family / str(version))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def next_version(family: Path) -> int:
    """One more than the largest version in models/<name>."""
    return 1 + max((int(folder.name) for folder in family.glob("*") if folder.name.isdecimal()), default=0)


class Results(NamedTuple):
    """Of one graph."""

    on_validation: RunResults
    on_test: RunResults  # with the test sets

    @property
    def graph(self) -> bytes:
        return self.on_test.exported.graph


def evaluate(title: str, run: Path, exported: Export, data: Split, test_sets: Sequence[TestSet]) -> Results:
    on_validation = evaluate_export(title, run, exported, "MNIST validation", data.validation)
    on_test = evaluate_export(title, run, exported, "MNIST test", data.test)
    model = Model(exported.graph, device="cpu")
    robustness = evaluate_robustness(model, exported.threshold, data.test, test_sets)
    return Results(on_validation, replace(on_test, robustness=robustness))


def read_int8(run: Path, exported: Export) -> Export | None:
    """The export with the int8 graph that `compress` made of it, if it did.

    Raises `CompressionError` if that was made of another graph.
    """
    if not (run / INT8_FILE).exists():
        return None
    graph = (run / INT8_FILE).read_bytes()
    if read_metadata(graph).get(SOURCE) != fingerprint(exported.graph):
        raise CompressionError(f"{run / INT8_FILE} was made of another graph: run python -m training compress {run}")
    return replace(exported, graph=graph)


def write_version(
    folder: Path, results: Results, quantized: Results | None, data: dict[str, Any], version: int
) -> None:
    write_atomically(results.graph, folder / GRAPH_FILE)
    write_report(results.on_test, folder)
    manifest = build_manifest(results, data, version)
    if quantized:
        write_atomically(quantized.graph, folder / INT8_FILE)
        manifest.int8 = describe_int8(results, quantized)
    write_atomically(manifest.model_dump_json(indent=2) + "\n", folder / MANIFEST_FILE)


# --- the manifest ---


def describe_int8(float32: Results, int8: Results) -> QuantizedGraph:
    """What the manifest says of the very file beside it."""
    on_test, graph = int8.on_test, int8.graph
    models = [Model(results.graph, device="cpu") for results in (float32, int8)]
    return QuantizedGraph(
        sha256=hashlib.sha256(graph).hexdigest(),
        bytes=len(graph),
        calibration=read_metadata(graph)[CALIBRATION],
        metrics=[*measured(int8), *speed_metrics(measure_speed(models))],
        agreement=agree(float32.on_test.probabilities, on_test.probabilities, describe_digits(on_test)),
    )


def measured(results: Results) -> list[Metric]:
    on_validation, on_test = results
    return [
        accuracy(on_validation),
        accuracy(on_test),
        calibration_error(on_test),
        *robustness_metrics(on_test.robustness),
    ]


def accuracy(results: RunResults) -> Metric:
    evaluation = results.evaluation
    return Metric(
        name="accuracy", value=evaluation.accuracy, data=describe_digits(results), interval=evaluation.interval
    )


def calibration_error(results: RunResults) -> Metric:
    value = results.evaluation.calibration_error
    return Metric(name="expected_calibration_error", value=value, data=describe_digits(results))


def robustness_metrics(results: Sequence[RobustnessResult]) -> Iterator[Metric]:
    """Of digits accuracy and calibration error, of non-digits the share refused and AUROC."""
    for result in results:
        data = f"{result.test_set}, {result.n:,} pictures"
        name = "accuracy" if result.auroc is None else "share_refused"
        yield Metric(name=name, value=result.correct, data=data, interval=result.interval)
        if result.calibration_error is not None:
            yield Metric(name="expected_calibration_error", value=result.calibration_error, data=data)
        if result.auroc is not None:
            yield Metric(name="auroc", value=result.auroc, data=f"{data}, against MNIST's test digits")


def describe_digits(results: RunResults) -> str:
    return f"{results.data_name}, {results.evaluation.n:,} digits"


def build_manifest(results: Results, data: dict[str, Any], version: int) -> Manifest:
    config, exported = results.on_test.config, results.on_test.exported
    graph = onnx.load_from_string(exported.graph).graph
    return Manifest(
        name=config.name,
        version=version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=list(config.labels),
        inputs=[describe_tensor(value) for value in graph.input],
        outputs=[describe_tensor(value) for value in graph.output],
        sha256=hashlib.sha256(exported.graph).hexdigest(),
        bytes=len(exported.graph),
        parameters=exported.parameters,
        threshold=exported.threshold,
        temperature=exported.temperature,
        data=data,
        seed=config.seed,
        config=config.to_dict(),
        libraries={"python": platform.python_version()} | {name: library_version(name) for name in LIBRARIES},
        metrics=measured(results),
        parity=exported.parity,
    )


def describe_data(run: Path, data: Split) -> dict[str, Any]:
    """MNIST's digests and split, and what the synthetic dataset held when the run was trained on it."""
    return {
        "name": "MNIST",
        "licence": "CC BY-SA 3.0",
        "sha256": DIGESTS,
        "split": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        **({"bank": read_data(run).get("bank")} if read_config(run).bank else {}),
        **({"adaptation": Outcome.read(run).to_dict()} if read_config(run).own_pictures else {}),
    }


def describe_tensor(value: onnx.ValueInfoProto) -> Tensor:
    tensor_type = value.type.tensor_type
    return Tensor(
        name=value.name,
        dtype=onnx.helper.tensor_dtype_to_np_dtype(tensor_type.elem_type).name,
        shape=[dimension.dim_param or dimension.dim_value for dimension in tensor_type.shape.dim],
    )
