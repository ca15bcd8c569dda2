"""A model soup: one network whose weights are the mean of several runs' weights, often better than each of them.

Each run must have started from another, or their weights have nothing in common. The statistics of batch normalisation
are measured anew: those of the mean network are not the mean of theirs.

Source: Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time, 2022.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from training.datasets.mnist import Split
from training.files import atomic_path
from training.networks.batches import make_batches
from training.networks.distribute import SINGLE_WORKER
from training.networks.sources import check_average
from training.networks.train import load_trained
from training.runs import DATA_FILE, MODEL_FILE, SEEN_FILE, open_run, read_data, read_history, write_history, write_json

STATISTICS_BATCHES = 250
STATISTICS_MOMENTUM = 0.97  # of the statistics' moving mean: about the last hundred batches count


def average_weights(runs: Sequence[Path], data: Split, out: Path) -> keras.Model:
    """Writes the run folder `out`, with the last run's config and history, and returns its model.

    The last of `runs` must be a run; the others may be published versions. Raises `DataError` if one is neither,
    `ConfigError` if their weights do not fit each other, `RunError` if `out` holds a run already.
    """
    config = check_average(runs, out)
    data = data.without_fold(config.left_out_fold())
    with open_run(out, dataclasses.replace(config, mean_of=tuple(map(str, runs)))):
        batches = make_batches(config, data, 0, SINGLE_WORKER)
        models = [load_trained(run, batches) for run in runs]
        soup = models[-1]
        weights = zip(*(model.get_weights() for model in models), strict=True)
        soup.set_weights([np.mean(weight, axis=0) for weight in weights])
        measure_statistics(soup, batches)
        write_json(out / DATA_FILE, read_data(runs[-1]))
        if (runs[-1] / SEEN_FILE).exists():
            shutil.copy(runs[-1] / SEEN_FILE, out / SEEN_FILE)
        write_history(out, read_history(runs[-1]))
        with atomic_path(out / MODEL_FILE) as part:
            soup.save(part)
    return soup


def measure_statistics(model: keras.Model, batches: keras.utils.PyDataset) -> None:
    """Sets the means and variances of batch normalisation to those of the batches."""
    momenta = {layer: layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    for layer in momenta:
        layer.momentum = STATISTICS_MOMENTUM
    for index in tqdm(range(min(STATISTICS_BATCHES, len(batches))), "measuring statistics", unit="batch"):
        model(batches[index][0], training=True)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
