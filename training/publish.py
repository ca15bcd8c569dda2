"""A run becomes a version that can be served: models/<name>/<next version>/, whole or not at all."""

from __future__ import annotations

import hashlib
import json
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
from training.datasets.mnist import DIGESTS, Digits, Split
from training.distillation.synthetic_dataset import CONTENTS_FILE
from training.evaluation.metrics import CLASSES, Evaluation
from training.evaluation.robustness import Outcome, survey
from training.evaluation.testsets.base import Kind
from training.export import Export, Probabilities, export, run_in_batches
from training.reporting.report import report
from training.reporting.results import Findings
from training.runs import read_config, read_history

LIBRARIES = ("tensorflow", "keras", "onnx", "tf2onnx", "numpy")


def publish(run: Path, models: Path, data: Split, kinds: Sequence[Kind] = ()) -> Path:
    """Exports, measures and describes `run` as the next version of its model; the new folder.

    The test digits and the kinds of pictures are used here, once: to prove the export and to report. Raises
    `ExportError`, and then, as on any failure, leaves nothing under `models`.
    """
    exported = export(run, data)
    family = models / read_config(run).name
    models.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".publishing-", dir=models))
    try:
        version = next_version(family)
        title = f"{family.name}, version {version}"
        on_validation = examine(title, run, exported, "MNIST validation", data.validation)
        on_test = examine(title, run, exported, "MNIST test", data.test)
        outcomes = survey(Model(exported.graph, device="cpu"), exported.threshold, data.test, kinds)
        fill(scratch, on_validation, replace(on_test, outcomes=outcomes), describe_data(run, data), version)
        scratch.chmod(0o755)  # mkdtemp lets only its owner in
        family.mkdir(exist_ok=True)
        return scratch.rename(family / str(version))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def next_version(family: Path) -> int:
    return 1 + max((int(each.name) for each in family.glob("*") if each.name.isdecimal()), default=0)


def fill(folder: Path, on_validation: Findings, on_test: Findings, data: dict[str, Any], version: int) -> None:
    (folder / GRAPH_FILE).write_bytes(on_test.exported.graph)
    report(on_test, folder)
    metrics = [accuracy(on_validation), accuracy(on_test), calibration(on_test), *kinds_metrics(on_test.outcomes)]
    manifest = describe(on_test, data, version, metrics)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def examine(title: str, run: Path, exported: Export, name: str, digits: Digits) -> Findings:
    """What the exported graph itself, not the Keras model, makes of the digits."""
    probabilities: Probabilities = run_in_batches(Model(exported.graph, device="cpu"), digits.images, 64)
    return Findings(
        title=title,
        config=read_config(run),
        history=read_history(run),
        exported=exported,
        data=name,
        digits=digits,
        probabilities=probabilities,
        evaluation=Evaluation.of(probabilities, digits.labels),
    )


def accuracy(findings: Findings) -> Metric:
    found = findings.evaluation
    return Metric(name="accuracy", value=found.accuracy, data=measured_on(findings), interval=found.interval)


def calibration(findings: Findings) -> Metric:
    value = findings.evaluation.calibration_error
    return Metric(name="expected_calibration_error", value=value, data=measured_on(findings))


def kinds_metrics(outcomes: Sequence[Outcome]) -> Iterator[Metric]:
    """Two for each kind: of digits the accuracy and the calibration, of other pictures the share refused and AUROC."""
    for each in outcomes:
        data = f"{each.kind}, {each.n:,} pictures"
        name = "accuracy" if each.auroc is None else "share_refused"
        yield Metric(name=name, value=each.right, data=data, interval=each.interval)
        if each.calibration_error is not None:
            yield Metric(name="expected_calibration_error", value=each.calibration_error, data=data)
        if each.auroc is not None:
            yield Metric(name="auroc", value=each.auroc, data=f"{data}, against MNIST's test digits")


def measured_on(findings: Findings) -> str:
    return f"{findings.data}, {findings.evaluation.n:,} digits"


def describe(findings: Findings, data: dict[str, Any], version: int, metrics: list[Metric]) -> Manifest:
    config, exported = findings.config, findings.exported
    graph = onnx.load_from_string(exported.graph).graph
    return Manifest(
        name=config.name,
        version=version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=[str(digit) for digit in range(CLASSES)],
        inputs=[tensor(value) for value in graph.input],
        outputs=[tensor(value) for value in graph.output],
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
    bank_folder = read_config(run).bank
    return {
        "name": "MNIST",
        "licence": "CC BY-SA 3.0",
        "sha256": DIGESTS,
        "split": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        **({"bank": json.loads((Path(bank_folder) / CONTENTS_FILE).read_text())} if bank_folder else {}),
    }


def tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    return Tensor(
        name=value.name,
        dtype=onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name,
        shape=[each.dim_param or each.dim_value for each in kind.shape.dim],
    )
