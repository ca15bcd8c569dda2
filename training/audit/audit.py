"""Audits a published version: runs every check, and writes the report beside the model card.

models/<name>/<version>/
    audit.md       the report
    audit-*.png    its diagrams
    audit.json     its key figures, which the service shows

A signature covers every file of a version, so that a version is audited before it is signed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.repository.audit import AUDIT_FILE, Audit
from app.repository.manifest import GRAPH_FILE, INT8_FILE
from training.audit import sections
from training.audit.attacks import PGD_STEPS, evaluate_attacks
from training.audit.confidence import evaluate_calibration
from training.audit.explanations import compare_explanations
from training.audit.gradients import check_gradients
from training.audit.graph_scan import scan_graph
from training.audit.lineage import describe_lineage, signature_state
from training.audit.membership import judge_scores, losses
from training.audit.plots import to_png
from training.audit.report import write_markdown
from training.audit.sections import Section
from training.audit.styles import style_results
from training.audit.subject import Subject, differentiable
from training.errors import DataError, PackageError
from training.evaluation.predictions import run_in_batches
from training.evaluation.robustness import RobustnessResult, evaluate_robustness
from training.evaluation.testsets import all_test_sets, corruptions, ood, styles
from training.evaluation.testsets.base import TestSet
from training.files import write_atomically
from training.networks.sources import source_config
from training.provenance import commit, creation_date

REPORT_FILE = "audit.md"
TOOLS = ("tensorflow", "keras", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy", "shap")
GRADIENT_IMAGES = 4
COMPARED_IMAGES = 500  # on which the rebuilt network is compared with the graph


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    attacked: int = 1_000  # test digits
    pgd_steps: int = PGD_STEPS
    corrupted: int = 100  # pictures of each corruption
    non_digits: int = 30  # pictures of each variant of each kind
    styled: int = 100  # pictures of each way of writing
    tested: int = 10_000  # test digits, for calibration and as non-members
    members: int = 10_000  # training digits
    explained: int = 200  # test digits
    shap_samples: int = 2_048
    downloads: bool = True  # whether test sets count that may have to be downloaded


FULL = Sizes()
QUICK = Sizes(40, 5, 3, 3, 5, 1_000, 1_000, 3, 256, downloads=False)


def audit(subject: Subject, out: Path, *, quick: bool = False, public_key: Path | None = None) -> Audit:
    """Writes the report into the folder `out`. Shows a progress bar. Raises `DataError` for a wrong key.

    A check that cannot run, such as one of gradients where the network cannot be rebuilt, says why in the report.
    """
    signature, code = signature_state(subject.folder, public_key), commit()
    checks = Checks(subject, QUICK if quick else FULL, signature).table()
    found: dict[str, Section] = {}
    with tqdm(checks.items(), unit="check") as bar:
        for title, check in bar:
            bar.set_description(f"{title:24}")
            found[title] = run_check(check)
    summary = summarize(subject, found, code, quick=quick)
    write_audit(subject, found, summary, out)
    return summary


def run_check(check: Callable[[], Section]) -> Section:
    try:
        return check()
    except (DataError, PackageError) as error:
        return Section(f"Not run: {error}.", not_run=str(error), headline=f"not run: {error}")


class Checks:
    """The checks of one version. Each returns its section of the report."""

    def __init__(self, subject: Subject, sizes: Sizes, signature: str) -> None:
        self.subject = subject
        self.sizes = sizes
        self.signature = signature

    def table(self) -> dict[str, Callable[[], Section]]:
        """By their titles, in the order of the report."""
        return {
            "Graph": self.graph,
            "Gradients": self.gradients,
            "Adversarial examples": self.attacks,
            "Corruptions": self.corruptions,
            "Rejection": self.rejection,
            "Calibration": self.calibration,
            "Ways of writing": self.styles,
            "Membership inference": self.membership,
            "Explanations": self.explanations,
            "Data and lineage": self.lineage,
        }

    def graph(self) -> Section:
        graphs = {GRAPH_FILE: self.subject.graphs.float32}
        if self.subject.graphs.int8:
            graphs[INT8_FILE] = self.subject.graphs.int8
        return sections.scan_section({name: scan_graph(graph) for name, graph in graphs.items()})

    def gradients(self) -> Section:
        subject, images = self.subject, self.subject.data.test.images
        network = differentiable(subject.network, "float64")
        errors = check_gradients(network, images[:GRADIENT_IMAGES])
        compared = images[:COMPARED_IMAGES]
        logits = np.asarray(network(compared.astype(np.float64)))[:, : subject.model.classes]
        difference = np.abs(logits / subject.manifest.temperature - subject.logits(compared)).max()
        return sections.gradients_section(errors, float(difference), GRADIENT_IMAGES)

    def attacks(self) -> Section:
        subject, digits = self.subject, self.subject.data.test[: self.sizes.attacked]
        network = differentiable(subject.network, "float32")
        results = evaluate_attacks(subject.model, subject.manifest.threshold, network, digits, self.sizes.pgd_steps)
        return sections.attacks_section(list(results), len(digits), self.sizes.pgd_steps)

    def corruptions(self) -> Section:
        (result,) = self.evaluate([corruptions.corrupted_digits(self.subject.data.test)], self.sizes.corrupted)
        return sections.corruptions_section(result)

    def rejection(self) -> Section:
        return sections.rejection_section(self.evaluate(self.non_digits(), self.sizes.non_digits))

    def non_digits(self) -> list[TestSet]:
        if not self.sizes.downloads:
            return [ood.noise(), ood.shapes(), ood.scribbles()]
        # A test set of digits says so only in its pictures.
        return [
            test_set
            for test_set in all_test_sets(self.subject.data.test)
            if next(iter(test_set.samples()))[1].label is None
        ]

    def evaluate(self, test_sets: list[TestSet], pictures: int) -> list[RobustnessResult]:
        smaller = [dataclasses.replace(test_set, pictures_per_variant=pictures) for test_set in test_sets]
        subject = self.subject
        return evaluate_robustness(subject.model, subject.manifest.threshold, subject.data.test, smaller)

    @cached_property
    def test_logits(self) -> np.ndarray:
        return self.logits(self.subject.data.test.images[: self.sizes.tested])

    def logits(self, images: np.ndarray) -> np.ndarray:
        return np.concatenate([self.subject.logits(images[i : i + 64]) for i in range(0, len(images), 64)])

    def calibration(self) -> Section:
        digits = self.subject.data.test[: self.sizes.tested]
        probabilities = run_in_batches(self.subject.model, digits.images, 64)
        return sections.calibration_section(evaluate_calibration(probabilities, digits.labels))

    def styles(self) -> Section:
        (result,) = self.evaluate([styles.writing_styles()], self.sizes.styled)
        return sections.styles_section(style_results(result.variants, self.sizes.styled))

    def membership(self) -> Section:
        """Raises `DataError` for a private version: the figures would tell about training digits without noise."""
        if source_config(self.subject.folder).is_private:
            raise DataError("the version is private, and these figures of its training digits would have no noise")
        members, others = self.subject.data.train[: self.sizes.members], self.subject.data.test[: self.sizes.tested]
        of_members, of_others = (-losses(self.logits(digits.images), digits.labels) for digits in (members, others))
        return sections.membership_section(judge_scores(of_members, of_others))

    def explanations(self) -> Section:
        images = self.subject.data.test.images[: self.sizes.explained]
        return sections.explanations_section(compare_explanations(self.subject.model, images, self.sizes.shap_samples))

    def lineage(self) -> Section:
        return sections.lineage_section(describe_lineage(self.subject.manifest), self.signature)


def summarize(subject: Subject, found: dict[str, Section], code: str | None, *, quick: bool) -> Audit:
    return Audit(
        sha256=subject.manifest.sha256,
        date=creation_date(),
        commit=code,
        tools=tool_versions(),
        quick=quick,
        figures=[figure for section in found.values() for figure in section.figures],
        findings=[finding for section in found.values() for finding in section.findings],
        not_run={title: section.not_run for title, section in found.items() if section.not_run},
    )


def tool_versions() -> dict[str, str]:
    installed = {}
    for name in TOOLS:
        try:
            installed[name] = library_version(name)
        except ModuleNotFoundError:  # PackageNotFoundError is one
            continue
    return installed


def write_audit(subject: Subject, found: dict[str, Section], summary: Audit, out: Path) -> None:
    """audit.json last: the service shows it only once the report is complete."""
    out.mkdir(parents=True, exist_ok=True)
    for section in found.values():
        if section.diagram:
            name, draw = section.diagram
            write_atomically(to_png(draw), out / f"{name}.png")
    write_atomically(write_markdown(subject.title, found, summary), out / REPORT_FILE)
    write_atomically(summary.model_dump_json(indent=2) + "\n", out / AUDIT_FILE)
