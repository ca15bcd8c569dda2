"""The mean of several runs' weights, where each went on from another: one network, often better than each of them.

Source: Wortsman et al., Model soups, 2022. Batch normalisation's statistics are not averaged but measured anew, since
those of the mean are not the mean of theirs.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from training.datasets.mnist import Split
from training.networks.train import ALONE, batches_of, beginning
from training.runs import read_config

MEASURED = 250  # batches
MOMENTUM = 0.97  # of the statistics' moving mean: about the last hundred batches count


def average(runs: Sequence[Path], data: Split, out: Path) -> keras.Model:
    """Writes the run folder `out`, with the last run's config and history, and returns its model.

    Those before it may be published versions too.
    """
    config = read_config(runs[-1])
    batches = batches_of(config, data, 0, ALONE)
    models = [beginning(run, batches) for run in runs]
    model = models[-1]
    model.set_weights([np.mean(each, axis=0) for each in zip(*(m.get_weights() for m in models), strict=True)])
    measure_statistics(model, batches)
    out.mkdir(parents=True, exist_ok=True)
    config = dataclasses.replace(config, mean_of=tuple(map(str, runs)))
    (out / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    shutil.copyfile(runs[-1] / "history.csv", out / "history.csv")
    model.save(out / "model.keras")
    return model


def measure_statistics(model: keras.Model, batches: keras.utils.PyDataset) -> None:
    momenta = {layer: layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    for layer in momenta:
        layer.momentum = MOMENTUM
    for index in tqdm(range(min(MEASURED, len(batches))), "measuring statistics", unit="batch"):
        model(batches[index][0], training=True)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
