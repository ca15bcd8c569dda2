"""Whether a federated training can run to its end, found out before TensorFlow is loaded and anything is written."""

from __future__ import annotations

from training.config import TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError
from training.federated.partition import partition
from training.networks.checks import check_architecture


def check_federation(config: TrainConfig, data: Split) -> None:
    """Raises `ConfigError`."""
    check_architecture(config)
    if config.federated is None:
        raise ConfigError("the configuration is not federated")
    if config.options.batch_normalization:
        raise ConfigError("--batch-normalization: clients with other classes have other statistics; leave it out")
    if config.options.rejects or config.bank:
        raise ConfigError("--bank, --rejects: federated training learns from MNIST's digits only")
    partition(data.train.labels, config.federated)
