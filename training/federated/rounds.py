"""The rounds of federated training. Clients train one after the other in this process, or as processes of Flower.

weights -> the chosen clients -> their updates -> the server's new weights -> validation digits -> a row of the history

The result is a run folder like any other; an epoch of it is a round. It is not resumed: the server's momentum and what
clients have already been told would have to be kept too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from tqdm import tqdm

from app.arrays import CLASSES
from training.config import Federation, TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ConfigError
from training.federated.client import LocalTrainer, Update, Weights, initial_weights, learning_rate
from training.federated.partition import partition
from training.federated.privacy import plan_client_privacy
from training.federated.server import Aggregator
from training.files import atomic_path
from training.networks.architectures import build_network
from training.runs import DATA_FILE, MODEL_FILE, Row, open_run, write_history, write_json

EVALUATION_BATCH_SIZE = 500  # images


class Clients(Protocol):
    """Who trains: asked once a round."""

    def train(self, weights: Weights, round_: int, chosen: Sequence[int]) -> list[Update]:
        """The updates of the chosen clients, in their order."""


class LocalClients:
    """All clients in this process, one after the other."""

    def __init__(self, config: TrainConfig, digits: Digits) -> None:
        """`digits`: of all clients together."""
        self.trainer = LocalTrainer(config)
        self.shares = [digits[part] for part in partition(digits.labels, federation_of(config))]

    def train(self, weights: Weights, round_: int, chosen: Sequence[int]) -> list[Update]:
        return [self.trainer.train(weights, self.shares[client], round_, client) for client in chosen]


def federate(config: TrainConfig, data: Split, run: Path, clients: Clients) -> None:
    """Writes the run folder. For a configuration that `check_federation` accepts.

    Raises `RunError` if the folder holds results, `ConfigError` if training does not converge or its noise hides no
    client, and `PackageError` if a private run cannot be accounted for.
    """
    federation = federation_of(config)
    record = plan_client_privacy(federation, config.epochs)
    with open_run(run, config):
        write_json(run / DATA_FILE, describe(config, data))
        if record:
            record.write(run)
        server = Aggregator(federation, initial_weights(config))
        evaluated = build_network(config)
        evaluated.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        history: list[Row] = []
        for round_ in (progress := tqdm(range(config.epochs), "federated", unit="round")):
            chosen = choose(config, round_)
            updates = clients.train(server.weights, round_, chosen)
            new = server.aggregate([update.weights for update in updates], [update.digits for update in updates])
            evaluated.set_weights(new)
            row = row_of(config, round_, updates, evaluated, data.validation)
            check_finite(row)
            progress.set_postfix({"val_accuracy": f"{float(row['val_accuracy']):.4f}"})
            losses = [float(earlier["val_loss"]) for earlier in history]
            if config.keep == "last" or float(row["val_loss"]) < min(losses, default=math.inf):
                with atomic_path(run / MODEL_FILE) as part:
                    evaluated.save(part)
            history.append(row)
            write_history(run, history)


def federation_of(config: TrainConfig) -> Federation:
    """Raises `ConfigError`."""
    if config.federated is None:
        raise ConfigError("the configuration is not federated: train it with python -m training train")
    return config.federated


def choose(config: TrainConfig, round_: int) -> list[int]:
    """The clients of a round: all, or as many as are sampled, a function of the seed and the round.

    For a private run each client is drawn by itself, as the accountant assumes (Poisson sampling), and not by the seed:
    that is published, and must not tell who took part.
    """
    federation = federation_of(config)
    if not federation.sampled:
        return list(range(federation.clients))
    if config.is_private:
        drawn = np.random.default_rng().random(federation.clients) < federation.sampled / federation.clients
        return np.flatnonzero(drawn).tolist()
    random = np.random.default_rng((config.seed, round_, 2))
    return sorted(random.choice(federation.clients, federation.sampled, replace=False).tolist())


def row_of(config: TrainConfig, round_: int, updates: Sequence[Update], model: keras.Model, validation: Digits) -> Row:
    """Loss and accuracy are the clients' own, while they learnt; the validation digits are the server's.

    A private run does not tell the clients' own: the noise is on their weights only.
    """
    result = model.evaluate(
        validation.images, validation.labels, batch_size=EVALUATION_BATCH_SIZE, verbose=0, return_dict=True
    )
    values = {
        "accuracy": math.nan if config.is_private else np.mean([update.accuracy for update in updates]),
        "loss": math.nan if config.is_private else np.mean([update.loss for update in updates]),
        "val_accuracy": result["accuracy"],
        "val_loss": result["loss"],
        "learning_rate": learning_rate(config, round_),
    }
    return {"epoch": str(round_), **{name: str(float(value)) for name, value in values.items()}}


def check_finite(row: Row) -> None:
    if not math.isfinite(float(row["val_loss"])):
        raise ConfigError(
            f"the validation loss of round {row['epoch']} is {row['val_loss']}: give a lower --learning-rate or "
            "--server-rate, and a new folder"
        )


def describe(config: TrainConfig, data: Split) -> dict[str, Any]:
    """The sizes of MNIST's parts, and what each client has; of a private run only how many clients there are."""
    federation = federation_of(config)
    parts = partition(data.train.labels, federation)
    counts = [np.bincount(data.train.labels[part], minlength=CLASSES).tolist() for part in parts]
    return {
        "split": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "federated": {
            "clients": federation.clients,
            "digits_of_clients": None if config.is_private else counts,  # of each client, of each class
            "rounds": config.epochs,
        },
    }
