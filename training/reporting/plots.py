"""The diagrams of a run: learning curves, confusion matrix, misread digits, reliability diagram.

Beside `training.audit.plots` the only module that imports matplotlib.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from training.evaluation.metrics import Bin
from training.reporting.results import RunResults, curves_note

Series = NDArray[np.float64]  # (n,): a value for each epoch

STYLE: dict[Any, Any] = {  # matplotlib's rcParams
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "figure.dpi": 100,
}
BLUE = "#1f6fb4"
ORANGE = "#d9772b"
GREY = "#8a8f98"

MAX_MISREAD_SHOWN = 60  # digits
MISREAD_COLUMNS = 10  # digits in a row
MIN_EPOCHS_TO_ZOOM = 10  # with fewer, all epochs are shown


def save_plots(results: RunResults, out: Path) -> None:
    """Writes curves.png, confusion.png, misread.png and reliability.png."""
    draw = {"curves": curves, "confusion": confusion, "misread": misread, "reliability": reliability}
    with mpl.rc_context(STYLE):
        for name, draw_figure in draw.items():
            draw_figure(results).savefig(out / f"{name}.png", metadata={"Software": None})


def curves(results: RunResults) -> Figure:
    """Accuracy and loss of training and validation in each epoch."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    label_smoothing = results.config.label_smoothing
    smoothing = f" with label smoothing {label_smoothing:g}" if label_smoothing else ""
    accuracies = {name: 100 * column(results, name) for name in ("accuracy", "val_accuracy")}
    losses = {name: column(results, name) for name in ("loss", "val_loss")}
    last = len(results.history) - 1
    kept = last if results.config.keep == "last" else int(np.argmin(losses["val_loss"]))
    draw_curves(left, "accuracy, %", accuracies, kept)
    draw_curves(right, f"loss, cross-entropy{smoothing}", losses, kept)
    hide_first_epochs(left, accuracies)
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_locator(NullLocator())
    right.legend(frameon=False)
    figure.suptitle(f"{results.title}: learning curves\n{curves_note(results.config)}", fontsize=11)
    return figure


def column(results: RunResults, name: str) -> Series:
    return np.array([float(row[name]) for row in results.history])


def draw_curves(axes: Axes, title: str, curves: dict[str, Series], kept: int) -> None:
    """One curve for training and one for validation; `kept` is the index of the epoch that the run keeps."""
    for (name, series), colour in zip(curves.items(), (ORANGE, BLUE), strict=True):
        if np.isnan(series).all():  # a private run does not tell how it reads its training digits
            continue
        label = "validation" if name.startswith("val_") else "training"
        axes.plot(range(1, len(series) + 1), series, color=colour, lw=1.6, label=label)
    axes.axvline(kept + 1, color=GREY, lw=1, ls=":", label=f"epoch kept: {kept + 1}")
    axes.set_xlabel("epoch")
    axes.set_title(title, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)


def hide_first_epochs(axes: Axes, accuracies: dict[str, Series]) -> None:
    """Cuts off the steep start, beside which the other epochs would look like a flat line."""
    if len(accuracies["accuracy"]) < MIN_EPOCHS_TO_ZOOM:
        return
    floor = float(np.nanmin([np.quantile(series, 0.1) for series in accuracies.values()]))
    axes.set_ylim(floor - 0.25 * (100 - floor), 100)


def confusion(results: RunResults) -> Figure:
    """The confusion matrix, its diagonal without colour so that the errors stand out."""
    matrix = np.array(results.evaluation.confusion)
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(4, 1.4 * errors.max()))
    for row, col in np.ndindex(matrix.shape):
        if matrix[row, col]:
            colour = GREY if row == col else "black"
            axes.text(col, row, f"{matrix[row, col]:,}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(matrix)), results.config.labels)
    axes.set_yticks(range(len(matrix)), results.config.labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    axes.set_title(f"{results.title}: {errors.sum()} of {matrix.sum():,} {results.data_name} digits misread")
    return figure


def misread(results: RunResults) -> Figure:
    """The misread digits, in descending order of confidence."""
    predicted = results.probabilities.argmax(axis=1)
    confidences = results.probabilities.max(axis=1)
    (errors,) = np.nonzero(predicted != results.digits.labels)
    shown = errors[np.argsort(-confidences[errors])][:MAX_MISREAD_SHOWN]
    rows = max(1, math.ceil(len(shown) / MISREAD_COLUMNS))
    figure = Figure(figsize=(10, 1.28 * rows + 0.9), layout="constrained")
    for axes in figure.subplots(rows, MISREAD_COLUMNS, squeeze=False).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, shown, strict=False):
        axes.imshow(results.digits.images[i], cmap="gray_r", vmin=0, vmax=255)
        true, read = (results.config.labels[label] for label in (results.digits.labels[i], predicted[i]))
        axes.set_title(f"{true} read as {read}\n{100 * confidences[i]:.0f} %", fontsize=9)
    count = f"all {len(errors)}" if len(shown) == len(errors) else f"{len(shown)} of {len(errors)}"
    title = f"{results.title}: {count} misread {results.data_name} digits, with the confidence of the wrong prediction"
    figure.suptitle(title)
    return figure


def reliability(results: RunResults) -> Figure:
    """The reliability diagram, accuracy against confidence, above a histogram of the confidences."""
    figure = Figure(figsize=(6, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = [group for group in results.evaluation.reliability if group.count]
    middles = [(group.lower + group.upper) / 2 for group in bins]
    width = 0.9 / len(results.evaluation.reliability)
    draw_accuracy(upper, bins, middles, width)
    lower.bar(middles, [group.count for group in bins], width, color=BLUE)
    lower.set(xlabel="confidence", ylabel="digits", yscale="log")
    error = 100 * results.evaluation.calibration_error
    upper.set_title(
        f"{results.title}: expected calibration error {error:.2f} percentage points\n"
        f"{results.evaluation.n:,} {results.data_name} digits; bins with few digits are noisy"
    )
    return figure


def draw_accuracy(axes: Axes, bins: list[Bin], middles: list[float], width: float) -> None:
    """A bar for each bin, and a point at its mean confidence: with perfect calibration on the diagonal."""
    accuracies = [group.accuracy for group in bins]
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="perfect calibration")
    axes.bar(middles, accuracies, width, color=BLUE, alpha=0.35, label="accuracy of the bin")
    confidences = [group.confidence for group in bins]
    axes.plot(confidences, accuracies, "o", color=BLUE, ms=5, label="at the bin's mean confidence")
    axes.set(ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
    axes.legend(frameon=False, loc="upper left")
