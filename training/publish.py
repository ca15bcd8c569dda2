"""Publishes a run as a version that can be served: writes models/<name>/<next version>/, completely or not at all."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from app.inference.session import Model
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest, Metric, Parent, Tensor, read_version
from training.datasets.mnist import DIGESTS, Digits, Split
from training.evaluation.metrics import mcnemar
from training.evaluation.robustness import RobustnessResult, evaluate_robustness
from training.evaluation.testsets.base import TestSet
from training.export import export, run_in_batches
from training.files import write_atomically
from training.networks.checks import check_publishable
from training.provenance import commit, creation_date, machine_kind
from training.reporting.report import write_report
from training.reporting.results import BATCH_SIZE, Replaced, RunResults, evaluate_export
from training.runs import read_config, read_data

# Those whose versions can change the weights or the graph.
LIBRARIES = ("tensorflow", "keras", "onnx", "tf2onnx", "numpy")


class Origin(NamedTuple):
    """The recipe that a run was made by."""

    recipe: str  # its text
    parents: Sequence[Parent]  # all that the run was made from, and the run itself


def publish(
    run: Path, models: Path, data: Split, test_sets: Sequence[TestSet] = (), origin: Origin | None = None
) -> Path:
    """Exports, evaluates and describes `run` as the next version of its model. Returns the new folder.

    A run that was made by a recipe is not published twice: if its newest version has the same bytes, that is returned.
    The test digits and the test sets are used only here: to prove the export and to report. Raises `ExportError`. After
    any failure nothing is left under `models`.
    """
    check_publishable(run)
    described = describe_data(run, data)
    exported = export(run, data)
    family = models / read_config(run).name
    replaced = read_newest(family)
    if origin and replaced and replaced.manifest.sha256 == hashlib.sha256(exported.graph).hexdigest():
        print(f"the same bytes as {replaced.folder}")
        return replaced.folder
    models.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".publishing-", dir=models))
    try:
        version = next_version(family)
        title = f"{family.name}, version {version}"
        on_validation = evaluate_export(title, run, exported, "MNIST validation", data.validation)
        on_test = evaluate_export(title, run, exported, "MNIST test", data.test)
        model = Model(exported.graph, device="cpu")
        robustness = evaluate_robustness(model, exported.calibration.threshold, data.test, test_sets)
        on_test = replace(on_test, robustness=robustness, replaced=replaced and compare(replaced, on_test, data.test))
        manifest = build_manifest(on_validation, on_test, described, version, origin)
        write_version(scratch, on_test, manifest)
        scratch.chmod(0o755)  # mkdtemp gives access to the owner only
        family.mkdir(exist_ok=True)
        published = scratch.rename(family / str(version))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    if origin and replaced and replaced.manifest.recipe == origin.recipe:
        print(
            f"other bytes than {replaced.folder}, of the same recipe: {explain_difference(replaced.manifest, manifest)}"
        )
    return published


def next_version(family: Path) -> int:
    """One more than the largest version in models/<name>."""
    return 1 + max((int(folder.name) for folder in family.glob("*") if folder.name.isdecimal()), default=0)


def write_version(folder: Path, on_test: RunResults, manifest: Manifest) -> None:
    write_atomically(on_test.exported.graph, folder / GRAPH_FILE)
    write_report(on_test, folder, manifest)
    write_atomically(manifest.model_dump_json(indent=2) + "\n", folder / MANIFEST_FILE)


# --- the version before ---


class PublishedVersion(NamedTuple):
    folder: Path
    manifest: Manifest
    graph: bytes


def read_newest(family: Path) -> PublishedVersion | None:
    """The newest version of a model, if there is one. Raises `ModelRefused` if it is damaged."""
    folder = family / str(next_version(family) - 1)
    return PublishedVersion(folder, *read_version(folder)) if folder.exists() else None


def compare(before: PublishedVersion, after: RunResults, digits: Digits) -> Replaced:
    """On the same digits; and the figures of its manifest, for the test sets that both were evaluated on."""
    model = Model(before.graph, device="cpu", classes=len(before.manifest.labels))
    probabilities = run_in_batches(model, digits.images, BATCH_SIZE)
    correct = [rows.argmax(axis=1) == digits.labels for rows in (probabilities, after.probabilities)]
    return Replaced(before.manifest, float(correct[0].mean()), mcnemar(*correct))


def explain_difference(before: Manifest, after: Manifest) -> str:
    """Why the same recipe has made other bytes: what is known to change them, with both values."""
    reasons = [
        f"{name} was {json.dumps(old)}, is {json.dumps(new)}"
        for name, old, new in (
            ("machine", before.machine, after.machine),
            ("commit", before.commit, after.commit),
            ("libraries", before.libraries, after.libraries),
        )
        if old != new
    ]
    return "; ".join(reasons) or "neither the machine nor the commit nor the libraries differ"


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


def build_manifest(
    on_validation: RunResults, results: RunResults, data: dict[str, Any], version: int, origin: Origin | None
) -> Manifest:
    """`results` are of the test digits."""
    config, exported = results.config, results.exported
    graph = onnx.load_from_string(exported.graph).graph
    return Manifest(
        name=config.name,
        version=version,
        created=creation_date(),
        labels=list(config.labels),
        inputs=[describe_tensor(value) for value in graph.input],
        outputs=[describe_tensor(value) for value in graph.output],
        sha256=hashlib.sha256(exported.graph).hexdigest(),
        bytes=len(exported.graph),
        parameters=exported.parameters,
        threshold=exported.calibration.threshold,
        temperature=exported.calibration.temperature,
        data={**data, "calibration": exported.calibration.data},
        seed=config.seed,
        config=config.to_dict(),
        libraries={"python": platform.python_version()} | {name: library_version(name) for name in LIBRARIES},
        metrics=[
            accuracy(on_validation),
            accuracy(results),
            calibration_error(results),
            *robustness_metrics(results.robustness),
        ],
        parity=exported.parity,
        commit=commit(),
        machine=machine_kind(),
        recipe=origin and origin.recipe,
        parents=list(origin.parents) if origin else [],
    )


def describe_data(run: Path, data: Split) -> dict[str, Any]:
    """MNIST's digests and split, and what the synthetic dataset held when the run was trained on it."""
    return {
        "name": "MNIST",
        "licence": "CC BY-SA 3.0",
        "sha256": DIGESTS,
        "split": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        **({"bank": read_data(run).get("bank")} if read_config(run).bank else {}),
    }


def describe_tensor(value: onnx.ValueInfoProto) -> Tensor:
    tensor_type = value.type.tensor_type
    return Tensor(
        name=value.name,
        dtype=onnx.helper.tensor_dtype_to_np_dtype(tensor_type.elem_type).name,
        shape=[dimension.dim_param or dimension.dim_value for dimension in tensor_type.shape.dim],
    )
