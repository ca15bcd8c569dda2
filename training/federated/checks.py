"""Whether a federated training can run to its end, found out before TensorFlow is loaded and anything is written."""

from __future__ import annotations

from importlib.util import find_spec

from training.config import TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, PackageError
from training.federated.partition import partition
from training.federated.privacy import plan_client_privacy
from training.networks.checks import check_architecture
from training.privacy.record import PrivacyRecord

MOST_PROCESSES = 64  # of Flower: each loads TensorFlow and compiles the step


def check_federation(config: TrainConfig, data: Split) -> PrivacyRecord | None:
    """What the run will guarantee to its clients, if anything.

    Raises `ConfigError`, and `PackageError` if a private run cannot be accounted for.
    """
    check_architecture(config)
    if config.federated is None:
        raise ConfigError("the configuration is not federated")
    if config.options.batch_normalization:
        raise ConfigError("--batch-normalization: clients with other classes have other statistics; leave it out")
    if config.options.rejects or config.bank:
        raise ConfigError("--bank, --rejects: federated training learns from MNIST's digits only")
    partition(data.train.labels, config.federated)
    return plan_client_privacy(config.federated, config.epochs)


def check_flower(config: TrainConfig) -> None:
    """Raises `PackageError` if Flower is not installed, and `ConfigError` if its clients are too many processes."""
    if find_spec("flwr") is None:
        raise PackageError("--flower: Flower is not installed here: make federated installs it elsewhere and uses it")
    if config.federated and config.federated.clients > MOST_PROCESSES:
        raise ConfigError(
            f"--clients {config.federated.clients}: with --flower each is a process, and at most {MOST_PROCESSES} are "
            "started; leave out --flower to train more"
        )
