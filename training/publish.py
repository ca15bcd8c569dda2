"""Publishes a run as a version that can be served: writes models/<name>/<next version>/, completely or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from app.inference.session import Model
from app.repository.manifest import GRAPH_FILE, INT8_FILE, MANIFEST_FILE, Manifest, read_version
from training.compression import SOURCE, fingerprint, read_metadata
from training.datasets.mnist import Digits, Split
from training.errors import CompressionError
from training.evaluation.metrics import mcnemar
from training.evaluation.predictions import run_in_batches
from training.evaluation.robustness import evaluate_side_by_side
from training.evaluation.testsets.base import TestSet
from training.export import Export, export
from training.files import write_atomically
from training.networks.checks import check_publishable
from training.reporting.report import write_report
from training.reporting.results import BATCH_SIZE, Replaced, RunResults, evaluate_export
from training.runs import read_config
from training.version_manifest import Origin, Results, build_manifest, describe_data


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
    int8 = read_int8(run, exported)
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
        results, *of_int8 = evaluate(title, run, [exported, *([int8] if int8 else [])], data, test_sets)
        quantized = of_int8[0] if of_int8 else None
        if replaced:
            results = results._replace(on_test=compare(replaced, results.on_test, data.test))
        manifest = build_manifest(results, quantized, described, version, origin)
        write_version(scratch, results, quantized, manifest)
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


def evaluate(
    title: str, run: Path, exports: Sequence[Export], data: Split, test_sets: Sequence[TestSet]
) -> list[Results]:
    """Of each of the exports, which have the same calibration."""
    models = [Model(exported.graph, device="cpu") for exported in exports]
    surveyed = evaluate_side_by_side(models, exports[0].calibration.threshold, data.test, test_sets)
    return [
        Results(
            evaluate_export(title, run, exported, "MNIST validation", data.validation),
            replace(evaluate_export(title, run, exported, "MNIST test", data.test), robustness=robustness),
        )
        for exported, robustness in zip(exports, surveyed, strict=True)
    ]


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


def write_version(folder: Path, results: Results, int8: Results | None, manifest: Manifest) -> None:
    write_atomically(results.graph, folder / GRAPH_FILE)
    if int8:
        write_atomically(int8.graph, folder / INT8_FILE)
    write_report(results.on_test, folder, manifest)
    write_atomically(manifest.model_dump_json(indent=2) + "\n", folder / MANIFEST_FILE)


# --- the version before ---


class PublishedVersion(NamedTuple):
    folder: Path
    manifest: Manifest
    graph: bytes


def read_newest(family: Path) -> PublishedVersion | None:
    """The newest version of a model, if there is one. Raises `ModelRefused` if it is damaged."""
    folder = family / str(next_version(family) - 1)
    if not folder.exists():
        return None
    manifest, graphs = read_version(folder)
    return PublishedVersion(folder, manifest, graphs.float32)


def compare(before: PublishedVersion, after: RunResults, digits: Digits) -> RunResults:
    """With what is replaced: on the same digits; and its manifest, for the test sets that both were evaluated on."""
    model = Model(before.graph, device="cpu", classes=len(before.manifest.labels))
    probabilities = run_in_batches(model, digits.images, BATCH_SIZE)
    correct = [rows.argmax(axis=1) == digits.labels for rows in (probabilities, after.probabilities)]
    replaced = Replaced(before.manifest, float(correct[0].mean()), mcnemar(*correct))
    return replace(after, replaced=replaced)


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
