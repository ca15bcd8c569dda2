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
from typing import Any

import onnx

from app.inference.session import Model
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest, Metric, Tensor
from training.adaptation.outcome import Outcome
from training.datasets.mnist import DIGESTS, Split
from training.evaluation.robustness import RobustnessResult, evaluate_robustness
from training.evaluation.testsets.base import TestSet
from training.export import export
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
    family = models / read_config(run).name
    models.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".publishing-", dir=models))
    try:
        version = next_version(family)
        title = f"{family.name}, version {version}"
        on_validation = evaluate_export(title, run, exported, "MNIST validation", data.validation)
        on_test = evaluate_export(title, run, exported, "MNIST test", data.test)
        model = Model(exported.graph, device="cpu")
        robustness = evaluate_robustness(model, exported.threshold, data.test, test_sets)
        on_test = replace(on_test, robustness=robustness)
        write_version(scratch, on_validation, on_test, described, version)
        scratch.chmod(0o755)  # mkdtemp gives access to the owner only
        family.mkdir(exist_ok=True)
        return scratch.rename(family / str(version))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def next_version(family: Path) -> int:
    """One more than the largest version in models/<name>."""
    return 1 + max((int(folder.name) for folder in family.glob("*") if folder.name.isdecimal()), default=0)


def write_version(
    folder: Path, on_validation: RunResults, on_test: RunResults, data: dict[str, Any], version: int
) -> None:
    write_atomically(on_test.exported.graph, folder / GRAPH_FILE)
    write_report(on_test, folder)
    metrics = [
        accuracy(on_validation),
        accuracy(on_test),
        calibration_error(on_test),
        *robustness_metrics(on_test.robustness),
    ]
    manifest = build_manifest(on_test, data, version, metrics)
    write_atomically(manifest.model_dump_json(indent=2) + "\n", folder / MANIFEST_FILE)


# --- the manifest ---


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


def build_manifest(results: RunResults, data: dict[str, Any], version: int, metrics: list[Metric]) -> Manifest:
    config, exported = results.config, results.exported
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
        metrics=metrics,
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
