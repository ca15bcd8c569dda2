"""The channels that matter least are removed; a network starts from those that are kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError
from training.export import count_multiply_adds, predict
from training.networks.architectures import ARCHITECTURES, build_network, widths_of
from training.networks.batches import DigitBatches
from training.networks.from_onnx import model_from_version
from training.networks.prune import prune
from training.networks.pruning import (
    PairWork,
    choose_widths,
    copy_channels,
    copy_kept,
    measure_importance,
    products,
    with_weights,
)
from training.networks.sources import check_weights_fit
from training.networks.train import load_saved, train
from training.runs import read_config

MODELS = Path(__file__).parents[3] / "models"
ARCHS = sorted(ARCHITECTURES)


def config_of(arch: str, *widths: int, batch_normalization: bool = False) -> TrainConfig:
    options = Options(widths=widths, batch_normalization=batch_normalization)
    return TrainConfig(arch=arch, options=options, batch_size=50, distortion=None)


@pytest.mark.parametrize("arch", ARCHS)
def test_widths_are_the_channels_of_each_layer_but_the_last(arch: str) -> None:
    given = tuple(range(3, 3 + len(ARCHITECTURES[arch].widths)))
    for config, widths in ((config_of(arch), ARCHITECTURES[arch].widths), (config_of(arch, *given), given)):
        network = build_network(config)
        assert tuple(layer.kernel.shape[-1] for layer in products(network)[:-1]) == widths_of(config) == widths


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("normalises", [False, True])
def test_without_channels_that_are_always_zero_a_network_computes_the_same(
    arch: str, normalises: bool, data: Split
) -> None:
    """The second channel of each layer is switched off, so that removing it changes nothing."""
    widths = ARCHITECTURES[arch].widths
    wide = build_network(config_of(arch, batch_normalization=normalises))
    for layer in with_weights(wide)[:-1]:
        layer.set_weights([without_second(weight.name, weight.numpy()) for weight in layer.weights])
    narrow = build_network(config_of(arch, *(width - 1 for width in widths), batch_normalization=normalises))
    copy_kept(wide, narrow, [np.delete(np.arange(width), 1) for width in widths])
    images = data.test.images[:20]
    assert predict(narrow, images) == pytest.approx(predict(wide, images), abs=1e-4)


def without_second(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of kernels, offsets and factors; normalisation's mean and variance may be any."""
    if not name.startswith("moving"):
        values[..., 1] = 0
    return values


@pytest.mark.slow
def test_a_channel_matters_as_much_as_the_loss_changes_without_it(data: Split) -> None:
    """Of a network that reads digits, for each channel of a layer: it is switched off, and the losses are compared."""
    images = data.train.images[:500]
    network = model_from_version(MODELS / "digits/8", images)
    batches = DigitBatches(data.train[:500], dataclasses.replace(config_of("cnn-strided"), batch_size=250))
    batches.config = dataclasses.replace(batches.config, options=Options(rejects=True))
    measured = measure_importance(network, batches)[2]
    losses = [losses_without(network, channel, data) for channel in range(-1, len(measured))]
    changes = np.array([((without - losses[0]) ** 2).mean() for without in losses[1:]])
    assert stats.spearmanr(measured, changes).statistic > 0.8


def losses_without(network: keras.Model, channel: int, data: Split) -> np.ndarray:
    """Of each digit, with one channel of the third layer switched off; -1: none."""
    digits, layer = (
        data.train[:500],
        [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)][2],
    )
    weights = layer.get_weights()
    if channel >= 0:
        off = [values.copy() for values in weights]
        off[0][channel] = off[1][channel] = 0
        layer.set_weights(off)
    logits = predict(network, digits.images).astype(np.float64)
    layer.set_weights(weights)
    losses: np.ndarray = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(digits)), digits.labels]
    return losses


def test_the_work_of_given_widths_is_that_of_the_network() -> None:
    for arch in ARCHS:
        network = build_network(config_of(arch))
        work = PairWork(network)
        assert work.multiply_adds(ARCHITECTURES[arch].widths) == count_multiply_adds(network)
    narrow = (16, 16, 32)
    assert work.multiply_adds(narrow) != count_multiply_adds(network)
    assert PairWork(build_network(config_of("cnn-small"))).multiply_adds(narrow) == count_multiply_adds(
        build_network(config_of("cnn-small", *narrow))
    )


def test_the_widths_chosen_lose_least_of_all_that_leave_so_little_work() -> None:
    network = build_network(config_of("cnn-small"))
    of_second, of_third = np.full(32, 100.0), np.full(64, 1.0)
    assert choose_widths(network, [np.ones(16), of_second, of_third], 1.0) == (16, 32, 64)
    assert choose_widths(network, [np.ones(16), of_second, of_third], 0.7) == (16, 32, 32)
    assert choose_widths(network, [np.ones(16), of_third[:32], of_second.repeat(2)], 0.7) == (16, 16, 64)
    for widths in ((16, 32, 32), (16, 16, 64)):
        assert count_multiply_adds(build_network(config_of("cnn-small", *widths))) <= 0.7 * count_multiply_adds(network)
    with pytest.raises(ConfigError, match=r"--share 0\.1: 16 channels in each layer need more"):
        choose_widths(network, [np.ones(16), of_second, of_third], 0.1)


def test_equal_widths_are_copied_as_they_are(data: Split) -> None:
    config = config_of("cnn-small", batch_normalization=True)
    source, target = build_network(config), build_network(config)
    copy_channels(source, target, DigitBatches(data.train[:0], config))
    for one, other in zip(source.get_weights(), target.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_a_pruned_network_is_a_run_that_reads_on(data: Split, tmp_path: Path) -> None:
    config = dataclasses.replace(config_of("cnn-small"), epochs=3, warmup_epochs=0, ema_momentum=0.0)
    train(config, data, tmp_path / "run", verbose=0)
    start = dataclasses.replace(config, start_from=str(tmp_path / "run"), epochs=1)
    pruned = prune(start, data, 0.6, tmp_path / "pruned")
    assert read_config(tmp_path / "pruned") == pruned
    before, after = (load_saved(tmp_path / name / "model.keras") for name in ("run", "pruned"))
    assert count_multiply_adds(after) <= 0.6 * count_multiply_adds(before)
    assert (predict(after, data.test.images).argmax(axis=1) == data.test.labels).mean() > 0.85


def test_wider_weights_are_a_start_and_have_no_part_in_a_mean() -> None:
    wide, narrow = config_of("cnn-small"), config_of("cnn-small", 16, 16, 32)
    check_weights_fit("run", wide, narrow, wider=True)
    for own, config, wider in ((wide, narrow, False), (narrow, wide, True)):
        with pytest.raises(ConfigError, match="its widths are"):
            check_weights_fit("run", own, config, wider=wider)
