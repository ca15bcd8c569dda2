from __future__ import annotations

import dataclasses

from training.reporting.plots import curves
from training.reporting.results import RunResults


def test_the_epoch_marked_is_the_one_the_run_keeps(results: RunResults) -> None:
    """Of two epochs the second has the higher accuracy and the first the smaller loss, which decides."""
    losses, accuracies = ("0.3", "0.4"), ("0.90", "0.95")
    history = [
        row | {"val_loss": loss, "val_accuracy": accuracy}
        for row, loss, accuracy in zip(results.history, losses, accuracies, strict=True)
    ]
    axes = curves(dataclasses.replace(results, history=history)).axes[1]
    assert "epoch kept: 1" in [line.get_label() for line in axes.get_lines()]
