"""Prunes a network: chooses how many channels each layer keeps, and trains it on without the others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from training.config import TrainConfig
from training.datasets.mnist import Split
from training.networks.batches import make_batches
from training.networks.distribute import SINGLE_WORKER
from training.networks.pruning import choose_widths, measure_importance
from training.networks.train import load_trained, train


def prune(config: TrainConfig, data: Split, share: float, run: Path) -> TrainConfig:
    """Writes the run folder of a network with at most this share of the multiply-adds of `config.start_from`'s.

    Returns its configuration, which has the widths that were chosen. Raises as `train`, and `ConfigError` if the share
    is too small.
    """
    batches = make_batches(config, data.without_fold(config.left_out_fold()), 0, SINGLE_WORKER)
    source = load_trained(Path(config.start_from), batches)
    widths = choose_widths(source, measure_importance(source, batches), share)
    pruned = dataclasses.replace(config, options=dataclasses.replace(config.options, widths=widths))
    train(pruned, data, run)
    return pruned
