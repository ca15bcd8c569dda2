"""What a run reached, as pictures. The only module that imports matplotlib."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from training.evaluation.metrics import CLASSES
from training.reporting.results import Findings, curves_note

mpl.use("Agg")
mpl.rcParams.update(
    {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "figure.dpi": 100}
)

BLUE, ORANGE, GREY = "#1f6fb4", "#d9772b", "#8a8f98"
MOST_MISREAD_SHOWN = 60


def curves(findings: Findings) -> Figure:
    """Accuracy and loss of every epoch, training beside validation."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(findings.history) + 1)
    accuracy = {name: 100 * column(findings, name) for name in ("accuracy", "val_accuracy")}
    loss = {name: column(findings, name) for name in ("loss", "val_loss")}
    last = len(findings.history) - 1
    kept = last if findings.config.keep == "last" else int(np.argmin(loss["val_loss"]))
    smoothed = f", labels smoothed by {findings.config.label_smoothing:g}" if findings.config.label_smoothing else ""
    loss_title = f"loss, cross-entropy{smoothed}"
    for axes, title, values in ((left, "accuracy, %", accuracy), (right, loss_title, loss)):
        for (name, series), colour in zip(values.items(), (ORANGE, BLUE), strict=True):
            axes.plot(epochs, series, color=colour, lw=1.6, label="validation" if name[:3] == "val" else "training")
        axes.axvline(kept + 1, color=GREY, lw=1, ls=":", label=f"epoch kept: {kept + 1}")
        axes.set_xlabel("epoch")
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    limit_to_the_settled(left, accuracy["val_accuracy"], accuracy["accuracy"])
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_locator(NullLocator())
    right.legend(frameon=False)
    figure.suptitle(f"{findings.title}: training\n{curves_note(findings.config)}", fontsize=11)
    return figure


def column(findings: Findings, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(row[name]) for row in findings.history])


def limit_to_the_settled(axes: Axes, *series: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Leaves the first steep epochs out of sight, or the rest would be one flat line."""
    if len(series[0]) < 10:
        return
    floor = min(float(np.quantile(each, 0.1)) for each in series)
    axes.set_ylim(floor - 0.25 * (100 - floor), 100)


def confusion(findings: Findings) -> Figure:
    """The matrix with its diagonal left pale, so that the misreadings show."""
    matrix = np.array(findings.evaluation.confusion)
    wrong = np.where(np.eye(CLASSES, dtype=bool), 0, matrix)
    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(4, 1.4 * wrong.max()))
    for row, col in np.ndindex(matrix.shape):
        if matrix[row, col]:
            colour = GREY if row == col else "black"
            axes.text(col, row, f"{matrix[row, col]:,}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(CLASSES))
    axes.set_yticks(range(CLASSES))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("read as")
    axes.set_ylabel("is")
    axes.set_title(f"{findings.title}: {wrong.sum()} of {matrix.sum():,} {findings.data} digits misread")
    return figure


def misread(findings: Findings) -> Figure:
    """The digits read wrongly, the surest first."""
    read = findings.probabilities.argmax(axis=1)
    confidence = findings.probabilities.max(axis=1)
    (wrong,) = np.nonzero(read != findings.digits.labels)
    shown = wrong[np.argsort(-confidence[wrong])][:MOST_MISREAD_SHOWN]
    columns = 10
    rows = max(1, math.ceil(len(shown) / columns))
    figure = Figure(figsize=(10, 1.28 * rows + 0.9), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, shown, strict=False):
        axes.imshow(findings.digits.images[i], cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(f"{findings.digits.labels[i]} read {read[i]}\n{100 * confidence[i]:.0f} %", fontsize=9)
    which = f"all {len(wrong)}" if len(shown) == len(wrong) else f"the {len(shown)} surest of {len(wrong)}"
    figure.suptitle(f"{findings.title}: {which} misread {findings.data} digits, with the confidence of the misreading")
    return figure


def reliability(findings: Findings) -> Figure:
    """Accuracy against confidence, with the number of digits below it."""
    figure = Figure(figsize=(6, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = [each for each in findings.evaluation.reliability if each.count]
    upper.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="perfect calibration")
    centres = [(each.lower + each.upper) / 2 for each in bins]
    width = 0.9 / len(findings.evaluation.reliability)
    upper.bar(centres, [each.accuracy for each in bins], width, color=BLUE, alpha=0.35, label="accuracy in the bin")
    upper.plot(
        [each.confidence for each in bins],
        [each.accuracy for each in bins],
        "o",
        color=BLUE,
        ms=5,
        label="at its mean confidence",
    )
    upper.set(ylabel="share read rightly", ylim=(0, 1.02), xlim=(0, 1))
    upper.legend(frameon=False, loc="upper left")
    lower.bar(centres, [each.count for each in bins], width, color=BLUE)
    lower.set(xlabel="confidence", ylabel="digits", yscale="log")
    error = 100 * findings.evaluation.calibration_error
    upper.set_title(
        f"{findings.title}: expected calibration error {error:.2f} points\n"
        f"{findings.evaluation.n:,} {findings.data} digits; a bin of few digits says little"
    )
    return figure
