from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import Examples, shard_path
from training.networks.batches import DigitBatches, SyntheticBatches, shift_randomly
from training.networks.distribute import TrainingWorker

CONFIG = TrainConfig(epoch_size=40, batch_size=10)


def numbered_examples(count: int, label: int = 0) -> Examples:
    """Images that can be told apart wherever they are shifted to."""
    images = np.arange(count, dtype=np.uint8)[:, None, None] + np.zeros((1, 28, 28), np.uint8)
    return Examples(images, smooth_labels(np.full(count, label)))


# --- MNIST's digits ---


def test_batches_differ_between_epochs_and_are_the_same_with_the_same_seed(data: Split, config: TrainConfig) -> None:
    first, again = DigitBatches(data.train, config), DigitBatches(data.train, config)
    assert np.array_equal(first[3][0], again[3][0])
    first.on_epoch_end()
    assert not np.array_equal(first[3][0], again[3][0])
    assert np.array_equal(first[3][0], DigitBatches(data.train, config, epoch=1)[3][0])


def test_an_epoch_shows_every_digit_once(data: Split, config: TrainConfig) -> None:
    batches = DigitBatches(data.train, config)
    targets = np.concatenate([batches[index][1] for index in range(len(batches))])
    assert np.array_equal(targets.sum(axis=0), np.bincount(data.train.labels, minlength=10))


def test_digits_that_do_not_fill_a_batch_come_in_another_epoch(data: Split, config: TrainConfig) -> None:
    batches = DigitBatches(data.train[:120], config)
    assert [len(batches[index][0]) for index in range(len(batches))] == [50, 50]


def test_workers_share_each_batch_of_one_process_without_overlap(data: Split, config: TrainConfig) -> None:
    images, targets = DigitBatches(data.train, config)[3]
    shares = [DigitBatches(data.train, config, worker=TrainingWorker(index, 5))[3] for index in range(5)]
    for index, (share, share_targets) in enumerate(shares):
        assert np.array_equal(share, images[index::5])
        assert np.array_equal(share_targets, targets[index::5])


# --- the synthetic dataset ---


def test_epochs_take_other_images_until_all_were_seen() -> None:
    batches = SyntheticBatches([numbered_examples(130)], [10], CONFIG)
    assert len(batches) == 4
    seen: set[int] = set()
    for _ in range(3):
        for index in range(len(batches)):
            seen |= {int(image[14, 14]) for image in batches[index][0]}
        batches.on_epoch_end()
    assert len(seen) == 120


def test_a_resumed_run_sees_what_an_unbroken_one_sees() -> None:
    unbroken = SyntheticBatches([numbered_examples(130)], [10], CONFIG)
    resumed = SyntheticBatches([numbered_examples(130)], [10], CONFIG, epoch=1)
    unbroken.on_epoch_end()
    assert np.array_equal(unbroken[2][0], resumed[2][0])


def test_every_batch_holds_each_kind_in_its_share(tmp_path: Path) -> None:
    numbered_examples(30, label=1).save(shard_path(tmp_path, "near", 0))
    numbered_examples(30, label=2).save(shard_path(tmp_path, "pictures", 0))
    parts = ("near:3", "pictures:1")
    batches = SyntheticBatches.load(
        TrainConfig(bank=str(tmp_path), bank_parts=parts, batch_size=10, epoch_size=40), epoch=0
    )
    for index in range(4):
        assert np.bincount(batches[index][1].argmax(axis=1)).tolist() in ([0, 8, 2], [0, 7, 3])


@pytest.mark.parametrize("rejects", [False, True])
def test_a_network_learns_targets_of_the_classes_it_has(rejects: bool) -> None:
    """They sum to 1 to the last bit, or their loss would push all logits in the same direction for ever."""
    config = TrainConfig(epoch_size=10, batch_size=10, options=Options(rejects=rejects))
    targets = SyntheticBatches([numbered_examples(30)], [10], config)[0][1]
    assert targets.shape == (10, 11 if rejects else 10)
    assert np.abs(targets.sum(axis=1, dtype=np.float64) - 1).max() < 1e-6


def test_workers_share_each_batch_of_the_synthetic_dataset() -> None:
    kinds, sizes = [numbered_examples(130)], [10]
    images, _ = SyntheticBatches(kinds, sizes, CONFIG)[2]
    shares = [SyntheticBatches(kinds, sizes, CONFIG, worker=TrainingWorker(index, 2))[2][0] for index in range(2)]
    assert np.array_equal(shares[0], images[::2])
    assert np.array_equal(shares[1], images[1::2])


def test_images_shift_by_a_pixel_at_most() -> None:
    dots = np.zeros((500, 28, 28), np.uint8)
    dots[:, 14, 14] = 255
    positions = np.argwhere(shift_randomly(dots, 1, np.random.default_rng(0)))[:, 1:]
    assert {tuple(position) for position in positions.tolist()} == {(y, x) for y in (13, 14, 15) for x in (13, 14, 15)}
