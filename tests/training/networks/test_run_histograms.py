from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.histogram.metadata import PLUGIN_NAME

from training.config import TrainConfig
from training.datasets.mnist import Split
from training.networks import run_histograms, train


def test_each_epoch_has_a_histogram_of_each_layers_weights_and_gradients(run: Path) -> None:
    events = EventAccumulator(str(run / "logs/histograms"))
    events.Reload()
    tags = events.PluginTagToContent(PLUGIN_NAME)
    weights = {tag.removeprefix("weights/") for tag in tags if tag.startswith("weights/")}
    gradients = {tag.removeprefix("gradients/") for tag in tags if tag.startswith("gradients/")}
    assert len(weights) == 8  # four layers with kernel and bias
    assert weights == gradients
    assert [event.step for event in events.Tensors(f"gradients/{min(gradients)}")] == [0, 1]


@pytest.mark.slow
def test_histograms_do_not_change_the_weights(
    config: TrainConfig, data: Split, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_histograms.RunHistograms, "on_epoch_end", lambda *_, **__: None)
    train.train(config, data, tmp_path / "without", verbose="0")
    here, there = (train.load_saved(folder / "model.keras") for folder in (run, tmp_path / "without"))
    for one, other in zip(here.get_weights(), there.get_weights(), strict=True):
        assert np.array_equal(one, other)
