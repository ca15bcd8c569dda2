from __future__ import annotations

from pathlib import Path

import numpy as np

from app.inference.session import Model
from app.repository.manifest import read_version
from training.config import Distortion, TrainConfig
from training.datasets.mnist import Digits, Split
from training.networks.distribute import Workers
from training.networks.train import Batches
from training.synthesis.augment import distort

STILL = Distortion(0, 0, 0, 0, (0, 0), (4, 6))


def test_shape_and_type_stay_and_the_originals_are_untouched(test_digits: Digits) -> None:
    images = test_digits.images[:50].copy()
    distorted = distort(images, Distortion(), np.random.default_rng(0))
    assert distorted.shape == images.shape
    assert distorted.dtype == np.uint8
    assert np.array_equal(images, test_digits.images[:50])


def test_no_distortion_at_all_returns_the_digit_itself(test_digits: Digits) -> None:
    images = test_digits.images[:50]
    assert np.array_equal(distort(images, STILL, np.random.default_rng(0)), images)


def test_each_image_of_a_batch_is_distorted_differently(test_digits: Digits) -> None:
    same = np.repeat(test_digits.images[:1], 8, axis=0)
    assert len(np.unique(distort(same, Distortion(), np.random.default_rng(0)), axis=0)) == 8


def test_a_seed_gives_the_same_distortions_again(test_digits: Digits) -> None:
    first, second = (distort(test_digits.images[:50], Distortion(), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_shift_moves_the_centre_of_mass_by_no_more_than_it_says(test_digits: Digits) -> None:
    shift = Distortion(0, 0, 0, 2.0, (0, 0), (4, 6))
    rows = np.arange(28)
    images = test_digits.images[:200]
    before, after = (
        (each.sum(axis=2, dtype=float) @ rows) / each.sum(axis=(1, 2), dtype=float)
        for each in (images, distort(images, shift, np.random.default_rng(0)))
    )
    moved = np.abs(after - before)
    assert moved.max() < 2.2  # a little ink may leave the image
    assert moved.max() > 1.5


def test_distorted_digits_stay_recognisable(test_digits: Digits, models: Path) -> None:
    _, graph = read_version(models / "digits-mlp/1")
    asked = test_digits[:500]
    read = Model(graph, device="cpu").run(distort(asked.images, Distortion(), np.random.default_rng(0)))
    assert (read.argmax(axis=1) == asked.labels).mean() > 0.95


def test_batches_differ_between_epochs_and_return_with_the_seed(data: Split, config: TrainConfig) -> None:
    first, again = Batches(data.train, config), Batches(data.train, config)
    assert np.array_equal(first[3][0], again[3][0])
    first.on_epoch_end()
    assert not np.array_equal(first[3][0], again[3][0])
    assert np.array_equal(first[3][0], Batches(data.train, config, epoch=1)[3][0])


def test_an_epoch_shows_every_digit_once(data: Split, config: TrainConfig) -> None:
    batches = Batches(data.train, config)
    labels = np.concatenate([batches[i][1] for i in range(len(batches))])
    assert np.array_equal(labels.sum(axis=0), np.bincount(data.train.labels, minlength=10))


def test_workers_share_the_digits_without_overlap_in_equal_parts(data: Split, config: TrainConfig) -> None:
    orders = [Batches(data.train, config, among=Workers(index, 3)).order for index in range(3)]
    assert [len(order) for order in orders] == [666, 666, 666]
    assert len(np.unique(np.concatenate(orders))) == 3 * 666
