from __future__ import annotations

import dataclasses

import numpy as np

from app.inference.session import Model
from training.datasets.mnist import Split
from training.distillation.shards import DIGIT_KINDS, ShardMaker
from training.distillation.soft_targets import NON_DIGIT_SHARE, smooth_labels, soft_targets
from training.distillation.synthetic_dataset import Examples
from training.synthesis.glyphs import NON_DIGIT, Sources


def test_distorted_digits_are_labelled_by_their_teachers(shard_maker: ShardMaker) -> None:
    shard = shard_maker.make("digits", 0)
    assert shard.images.shape == (200, 28, 28)
    assert shard.targets.shape == (200, 11)
    assert np.allclose(shard.targets.astype(float).sum(axis=1), 1, atol=0.01)
    assert np.allclose(shard.targets[:, NON_DIGIT], NON_DIGIT_SHARE, atol=1e-3)
    predicted = shard_maker.teachers[0].run(shard.images)
    assert np.array_equal(predicted.argmax(axis=1), shard.targets.argmax(axis=1))


def test_a_shard_is_a_function_of_its_number_and_no_two_are_the_same(shard_maker: ShardMaker) -> None:
    first, again, other = (shard_maker.make("digits", number) for number in (0, 0, 1))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_kinds_of_digits_have_random_numbers_of_their_own(shard_maker: ShardMaker) -> None:
    shards = {kind: shard_maker.make(kind, 0).images for kind in DIGIT_KINDS}
    assert len({images.tobytes() for images in shards.values()}) == len(DIGIT_KINDS)


def test_unchanged_digits_all_come_before_any_comes_again(shard_maker: ShardMaker) -> None:
    digits = shard_maker.data.train.images
    shards = [shard_maker.make("plain", number) for number in range(len(digits) // 200)]
    seen = {bytes(image) for shard in shards for image in shard.images}
    assert seen == set(map(bytes, digits))


def test_pictures_of_digits_are_half_their_teachers_predictions_where_these_agree_with_the_label(
    shard_maker: ShardMaker, teacher: Model, teacher_of_non_digits: Model
) -> None:
    """Only a teacher that knows non-digits is asked, and none about pictures of non-digits."""
    images = shard_maker.data.train.images[:30]
    predicted = soft_targets(images[:20], [teacher_of_non_digits], shard_maker.plan.temperature)
    read = predicted.argmax(axis=1)
    misread = (read[10:] + 1) % 10
    pictures = Examples(images, smooth_labels(np.concatenate([read[:10], misread, [NON_DIGIT] * 10])))
    assert shard_maker.with_soft_targets(pictures) is pictures
    maker = dataclasses.replace(shard_maker, teachers=[teacher, teacher_of_non_digits])
    targets = maker.with_soft_targets(pictures).targets
    assert np.array_equal(targets[10:], pictures.targets[10:])
    assert np.allclose(targets[:10], (pictures.targets[:10] + predicted[:10]) / 2, atol=2e-3)


def test_a_dataset_of_labels_alone_asks_no_teacher_about_pictures(
    shard_maker: ShardMaker, teacher_of_non_digits: Model
) -> None:
    pictures = Examples(shard_maker.data.train.images[:20], smooth_labels(np.full(20, 3)))
    plan = dataclasses.replace(shard_maker.plan, judged=0)
    maker = dataclasses.replace(shard_maker, teachers=[teacher_of_non_digits], plan=plan)
    assert maker.with_soft_targets(pictures) is pictures


def test_validation_pictures_come_from_sources_of_their_own(shard_maker: ShardMaker, sources: Sources) -> None:
    small = dataclasses.replace(shard_maker, plan=dataclasses.replace(shard_maker.plan, shard_size=20))
    small.__dict__["validation_sources"] = sources  # the real ones are downloaded
    validation = small.make("validation", 0)
    assert validation.images.shape == (20, 28, 28)
    assert np.array_equal(validation.targets, smooth_labels(validation.targets.argmax(axis=1)))


def test_another_seed_makes_other_shards_and_0_those_from_before_there_were_seeds(
    shard_maker: ShardMaker, data: Split
) -> None:
    seeded = dataclasses.replace(shard_maker, plan=dataclasses.replace(shard_maker.plan, seed=1))
    assert not np.array_equal(seeded.make("near", 2).images, shard_maker.make("near", 2).images)
    assert not np.array_equal(seeded.digit_indices(0), shard_maker.digit_indices(0))
    assert np.array_equal(shard_maker.digit_indices(0), np.random.default_rng(0).permutation(len(data.train))[:200])
