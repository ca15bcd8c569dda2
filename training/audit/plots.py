"""The diagrams of an audit, each a PNG of few colours and under 60 KB."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.audit.attacks import AttackResult
from training.audit.confidence import CalibrationResult
from training.audit.explanations import Agreement
from training.audit.membership import MembershipResult
from training.audit.styles import StyleResult
from training.evaluation.metrics import FALSE_POSITIVES
from training.reporting.plots import BLUE, GREY, ORANGE, STYLE, draw_accuracy

GREEN = "#3d8b54"
COLOURS = {"ours": BLUE, "shap": ORANGE, "LIME": GREEN, "random": GREY}


def to_png(draw: Callable[[], Figure]) -> bytes:
    with mpl.rc_context(STYLE):
        buffer = io.BytesIO()
        draw().savefig(buffer, format="png", dpi=80, metadata={"Software": None})
    return buffer.getvalue()


def single(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_title(title, loc="left")
    axes.grid(alpha=0.25)
    return figure, axes


def attacks(results: Sequence[AttackResult]) -> Figure:
    """The share that is read correctly against the largest change of a pixel."""
    figure, axes = single(
        "adversarial examples", "largest change of a pixel, as a share of the range", "read correctly"
    )
    clean = [result for result in results if result.method == "none"]
    for method, colour in (("FGSM", BLUE), ("PGD", ORANGE)):
        points = clean + [result for result in results if result.method == method]
        low, high = zip(*(result.interval for result in points), strict=True)
        sizes = [result.epsilon for result in points]
        axes.plot(sizes, [result.correct for result in points], "o-", color=colour, label=method)
        axes.fill_between(sizes, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    return figure


def reliability(result: CalibrationResult) -> Figure:
    """Accuracy against confidence."""
    figure, axes = single(f"calibration on {result.n:,} test digits", "confidence", "accuracy")
    bins = [group for group in result.bins if group.count]
    draw_accuracy(axes, bins, [(group.lower + group.upper) / 2 for group in bins], 0.9 / len(result.bins))
    return figure


def styles(results: Sequence[StyleResult]) -> Figure:
    """A bar for each way of writing, with its interval."""
    figure, axes = single("ways of writing a digit", "read correctly", "")
    shares = np.array([result.correct for result in results])
    low, high = np.array([result.interval for result in results]).T
    errors = np.maximum([shares - low, high - shares], 0)
    axes.barh([result.style for result in results], shares, xerr=errors, color=BLUE, alpha=0.6, ecolor=GREY)
    axes.invert_yaxis()
    axes.set_xlim(max(0.0, float(low.min()) - 0.05), 1)
    return figure


def membership(result: MembershipResult) -> Figure:
    """The attack's ROC curve on logarithmic axes, where its most certain guesses are."""
    figure, axes = single("membership inference", "non-members called members", "members found")
    smallest = 1 / max(result.members, result.non_members)
    axes.loglog([smallest, 1], [smallest, 1], ls="--", color=GREY, lw=1, label="guessing")
    false, true = (np.maximum(share, smallest) for share in result.curve)
    grid = np.unique(np.linspace(0, len(false) - 1, 2000).astype(int))  # a line of 20,000 points looks the same
    axes.loglog(false[grid], true[grid], color=BLUE, label=f"by the loss, AUC {result.auc:.3f}")
    axes.axvline(FALSE_POSITIVES, color=ORANGE, lw=1, ls=":", label=f"{FALSE_POSITIVES:.1%} false positives")
    axes.legend(frameon=False)
    return figure


def explanations(agreement: Agreement) -> Figure:
    """Deletion and insertion curves."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("deletion", "insertion"), strict=True):
        for method, curves in agreement.curves.items():
            curve = getattr(curves, name)
            axes.plot(np.linspace(0, 1, len(curve)), curve, color=COLOURS[method], label=method, lw=1.6)
        axes.set(xlabel=f"share of the cells {'erased' if name == 'deletion' else 'drawn'}", ylim=(0, 1.02))
        axes.set_title(name, loc="left")
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("probability of the digit")
    figure.axes[1].legend(frameon=False)
    return figure
