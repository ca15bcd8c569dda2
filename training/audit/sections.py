"""What each check of an audit says: text in Markdown, figures for audit.json, findings, and a diagram."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from app.repository.manifest import Metric
from training.audit import plots
from training.audit.attacks import REACH, AttackResult
from training.audit.confidence import CalibrationResult
from training.audit.explanations import RELIABILITY_DIGITS, Agreement
from training.audit.gradients import TOLERANCE, GradientError
from training.audit.graph_scan import GraphScan
from training.audit.membership import MembershipResult
from training.audit.styles import Gap, StyleResult, largest_gap
from training.evaluation.metrics import FALSE_POSITIVES
from training.evaluation.robustness import RobustnessResult

LEAST_AGREEMENT = 0.9  # rank correlation with shap
Interval = tuple[float, float]


@dataclass(frozen=True)
class Section:
    text: str  # Markdown below the title
    figures: tuple[Metric, ...] = ()
    findings: tuple[str, ...] = ()
    diagram: tuple[str, Callable[[], Figure]] | None = None  # name of the file without .png, and how to draw it
    headline: str = ""  # one line for the summary
    not_run: str = ""  # why the check did not run


@dataclass(frozen=True)
class Table:
    """A Markdown table. The first column is text, the others are numbers."""

    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def __str__(self) -> str:
        rule = ["---"] + ["---:"] * (len(self.head) - 1)
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.head, rule, *self.rows))


def percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


def between(interval: Interval) -> str:
    return f"{percent(interval[0])} to {percent(interval[1])}"


def scan_section(scans: dict[str, GraphScan]) -> Section:
    table = Table(["file", "bytes", "opset", "operators", "values"])
    for name, scan in scans.items():
        operators = ", ".join(f"{name} {count}" for name, count in scan.operators.items())
        table.rows.append([name, f"{scan.bytes:,}", str(scan.opset), operators, f"{scan.values:,}"])
    findings = tuple(f"{name}: {finding}" for name, scan in scans.items() for finding in scan.findings)
    verdict = "\n".join(f"- **{finding}**" for finding in findings) or (
        "Only operators of the list, no weights in other files, no functions or domains of its own, and only finite "
        "weights."
    )
    headline = f"{len(findings)} findings" if findings else "nothing found"
    return Section(f"{table}\n\n{verdict}", findings=findings, headline=headline)


def gradients_section(errors: list[GradientError], difference: float, images: int) -> Section:
    table = Table(["layer type", "tensors", "largest relative error"])
    for kind in dict.fromkeys(error.kind for error in errors):
        of_kind = [error.error for error in errors if error.kind == kind]
        table.rows.append([kind, str(len(of_kind)), f"{max(of_kind):.1e}"])
    worst = max(error.error for error in errors)
    wrong = tuple(
        f"the gradient of {error.tensor} is wrong by {error.error:.1e}" for error in errors if not error.is_right
    )
    text = (
        f"The network was rebuilt from the graph; its logits differ from the graph's by at most {difference:.1e}. In "
        f"float64, its gradients were compared with central differences along random directions, on {images} test "
        f"digits. The row of the input covers all layers without weights: activations, pooling, reshaping. At most "
        f"{TOLERANCE:g} is allowed.\n\n{table}"
    )
    data = f"{images} MNIST test digits, float64"
    figure = Metric(name="largest relative error of the gradients", value=worst, data=data)
    return Section(text, (figure,), wrong, headline=f"relative error at most {worst:.1e}")


def attacks_section(results: list[AttackResult], digits: int, steps: int) -> Section:
    table = Table(["attack", "largest change of a pixel", "read correctly", "95 % interval", "wrong, yet accepted"])
    for result in results:
        row = [result.method, f"{result.epsilon:g}", percent(result.correct), between(result.interval)]
        table.rows.append([*row, percent(result.wrong_accepted)])
    text = (
        f"{digits:,} MNIST test digits; the largest change is a share of the range from paper to ink. Both attacks "
        f"know the network. PGD: {steps} steps from a random start, together {REACH:g} times the largest change. They "
        "raise the cross-entropy of the ten digits and do not aim at the threshold, so that an attack that does would "
        f"have more wrong answers accepted. The images are rounded to grey levels and read by `model.onnx`.\n\n{table}"
    )
    data = f"{digits:,} MNIST test digits"
    figures = tuple(
        Metric(
            name=f"accuracy under {result.method}, {result.epsilon:g}",
            value=result.correct,
            data=data,
            interval=result.interval,
        )
        for result in results
        if result.method != "none"
    )
    weakest = {result.epsilon: result.correct for result in results if result.method == "PGD"}
    headline = "PGD: " + ", ".join(f"{percent(share)} at {size:g}" for size, share in weakest.items())
    return Section(text, figures, diagram=("audit-attacks", lambda: plots.attacks(results)), headline=headline)


def corruptions_section(result: RobustnessResult) -> Section:
    table = Table(["corruption", "read correctly"])
    table.rows.extend([[name, percent(share)] for name, share in result.variants.items()])
    text = (
        f"{result.n:,} pictures of MNIST test digits, corrupted in fifteen ways modelled on MNIST-C, through the "
        f"service's preprocessing: {percent(result.correct)} read correctly ({between(result.interval)}).\n\n{table}"
    )
    data = f"{result.n:,} corrupted MNIST test digits"
    figure = Metric(name="accuracy on corruptions", value=result.correct, data=data, interval=result.interval)
    headline = f"{percent(result.correct)} read correctly, {result.weakest} {percent(result.variants[result.weakest])}"
    return Section(text, (figure,), headline=headline)


def rejection_section(results: list[RobustnessResult]) -> Section:
    table = Table(["non-digits", "pictures", "refused", "95 % interval", "AUROC"])
    rates: list[float] = []
    for result in results:
        assert result.auroc is not None
        rates.append(result.auroc)
        row = [result.test_set, f"{result.n:,}", percent(result.correct), between(result.interval)]
        table.rows.append([*row, f"{result.auroc:.4f}"])
    mean, lowest = sum(rates) / len(rates), min(zip(rates, [result.test_set for result in results], strict=True))
    text = (
        "AUROC: the probability that a test digit has a higher confidence than a picture that is no digit. Refused: a "
        f"confidence below the threshold, or no ink.\n\n{table}"
    )
    data = f"MNIST test digits against {len(results)} kinds of non-digits"
    figures = (
        Metric(name="mean AUROC of non-digits", value=mean, data=data),
        Metric(name="lowest AUROC of non-digits", value=lowest[0], data=f"MNIST test digits against {lowest[1]}"),
    )
    return Section(text, figures, headline=f"mean AUROC {mean:.4f}, lowest {lowest[0]:.4f} ({lowest[1]})")


def calibration_section(result: CalibrationResult) -> Section:
    text = (
        f"Expected calibration error on {result.n:,} MNIST test digits, 15 bins: {percent(result.error)}, 95 % "
        f"interval {between(result.interval)} (bootstrap). Chance makes the error larger, never smaller: a perfectly "
        "calibrated model has one too, and the interval may lie above the measured error."
    )
    figure = Metric(
        name="expected calibration error",
        value=result.error,
        data=f"{result.n:,} MNIST test digits",
        interval=result.interval,
    )
    diagram = ("audit-calibration", lambda: plots.reliability(result))
    headline = f"expected calibration error {percent(result.error)} ({between(result.interval)})"
    return Section(text, (figure,), diagram=diagram, headline=headline)


def styles_section(results: list[StyleResult]) -> Section:
    table = Table(["way of writing", "pictures", "read correctly", "95 % interval"])
    table.rows.extend([[way.style, str(way.n), percent(way.correct), between(way.interval)] for way in results])
    gap: Gap = largest_gap(results)
    certainty = "the intervals are apart" if gap.is_certain else "the intervals overlap"
    summary = "none"
    if gap.size:
        best, worst = (f"{way.style} ({percent(way.correct)})" for way in gap)
        summary = f"{100 * gap.size:.1f} points between {best} and {worst}"
    text = (
        "Digits drawn stroke by stroke in the ways people write them, by one simulated hand, through the service's "
        f"preprocessing. The largest gap between two ways of one digit: {summary}; {certainty}.\n\n{table}"
    )
    data = f"{gap.best.style} against {gap.worst.style}, {gap.best.n} drawn pictures each"
    figure = Metric(name="largest gap between ways of writing", value=gap.size, data=data)
    return Section(
        text, (figure,), diagram=("audit-styles", lambda: plots.styles(results)), headline=f"largest gap: {summary}"
    )


def membership_section(result: MembershipResult) -> Section:
    text = (
        f"Attack by the loss: {result.members:,} training digits are members, {result.non_members:,} test digits are "
        f"none. AUC {result.auc:.4f} ({result.auc_interval[0]:.4f} to {result.auc_interval[1]:.4f}; 0.5 is guessing). "
        f"At {percent(FALSE_POSITIVES)} false positives, {percent(result.true_positives)} of the members are found "
        f"({between(result.interval)}; guessing finds {percent(FALSE_POSITIVES)}). Intervals: 95 %, bootstrap. The "
        "attack trains no shadow models; one that does usually finds more, so that this is a lower bound."
    )
    data = f"{result.members:,} MNIST training and {result.non_members:,} test digits"
    figures = (
        Metric(name="AUC of membership inference", value=result.auc, data=data, interval=result.auc_interval),
        Metric(
            name="members found at 0.1 % false positives",
            value=result.true_positives,
            data=data,
            interval=result.interval,
        ),
    )
    diagram = ("audit-membership", lambda: plots.membership(result))
    headline = f"AUC {result.auc:.4f}, {percent(result.true_positives)} found at {percent(FALSE_POSITIVES)}"
    return Section(text, figures, diagram=diagram, headline=headline)


def explanations_section(agreement: Agreement) -> Section:
    table = Table(["explanation", "area under deletion (less is better)", "area under insertion (more is better)"])
    table.rows.extend(
        [[method, *(f"{area:.3f}" for area in curves.areas)] for method, curves in agreement.curves.items()]
    )
    (low, high), (lime_low, lime_high) = agreement.with_shap_interval, agreement.with_lime_interval
    text = (
        f"{agreement.digits} MNIST test digits. All explain one game: the cells with ink are the players, an absent "
        "cell is empty paper, the score is the log-odds of the digit that was read. shap: `KernelExplainer`, "
        f"{agreement.shap_samples:,} coalitions, empty paper as background. Mean rank correlation of the cells (95 % "
        "interval of the mean):\n\n"
        f"- ours with shap: {agreement.with_shap:.3f} ({low:.3f} to {high:.3f}); at least {LEAST_AGREEMENT:g} is asked "
        f"for. shap with itself, from other coalitions: {agreement.shap_with_itself:.3f} on the first "
        f"{min(agreement.digits, RELIABILITY_DIGITS)} digits.\n"
        f"- ours with LIME: {agreement.with_lime:.3f} ({lime_low:.3f} to {lime_high:.3f}). LIME's coefficients are no "
        f"Shapley values, so nothing is asked for.\n\n{table}"
    )
    data = f"{agreement.digits} MNIST test digits"
    figures = (
        Metric(
            name="rank correlation of explanations with shap",
            value=agreement.with_shap,
            data=data,
            interval=agreement.with_shap_interval,
        ),
        Metric(
            name="rank correlation of explanations with LIME",
            value=agreement.with_lime,
            data=data,
            interval=agreement.with_lime_interval,
        ),
    )
    low_agreement = f"explanations agree with shap's by {agreement.with_shap:.3f} only"
    findings = (low_agreement,) if agreement.with_shap < LEAST_AGREEMENT else ()
    diagram = ("audit-explanations", lambda: plots.explanations(agreement))
    return Section(text, figures, findings, diagram, headline=f"rank correlation with shap {agreement.with_shap:.3f}")


def lineage_section(lines: list[tuple[str, str]], signature: str) -> Section:
    table = Table(["what", "by the manifest"], [list(line) for line in lines])
    text = f"{str(table).replace('---:', '---')}\n\nSignature when audited: {signature}."
    return Section(text, headline=f"signature: {signature}")
