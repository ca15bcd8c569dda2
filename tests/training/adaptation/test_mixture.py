"""What an adapted network learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.adaptation.mixture import folds_of, kinds_of_own, make_mixture, plan_of
from training.datasets.own_pictures import OwnPictures, load_own_pictures, read_contents
from training.distillation.synthetic_dataset import describe, load_examples

pytestmark = pytest.mark.slow  # the mixture is made anew


def own_pictures(labels: list[int], pictures: list[int]) -> OwnPictures:
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None].repeat(28, axis=1).repeat(28, axis=2)
    return OwnPictures(images, np.array(labels, np.uint8), np.array(pictures, np.intp))


def test_images_of_one_picture_share_a_fold() -> None:
    pictures = [number for number in range(15) for _ in range(3)]
    own = own_pictures([1, 2, 3] * 15, pictures)
    folds = folds_of(own).reshape(15, 3)
    assert (folds == folds[:, :1]).all()
    assert np.bincount(folds[:, 0]).tolist() == [3] * 5


def test_each_fold_has_some_of_each_label() -> None:
    own = own_pictures([1] * 10 + [7] * 10, list(range(20)))
    folds = folds_of(own)
    for label in (1, 7):
        assert sorted(folds[own.labels == label].tolist()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_fold_is_measured_by_a_network_that_never_saw_it() -> None:
    own = own_pictures([5] * 20, list(range(20)))
    folds, kinds = folds_of(own), dict(kinds_of_own(own))
    assert kinds.pop("own").all()
    assert len(kinds) == 5
    for fold, kept in enumerate(kinds.values()):
        assert np.array_equal(kept, folds != fold)


def test_the_mixture_holds_own_pictures_and_those_of_others(own: Path, bank: Path, start: Path, tmp_path: Path) -> None:
    make_mixture(tmp_path, own, start, bank)
    images = load_own_pictures(own).images
    distorted = load_examples(tmp_path, "own")
    assert np.array_equal(distorted.images[: len(images)], images)
    assert len(distorted) == 6000
    assert np.array_equal(load_examples(tmp_path, "pictures").images, load_examples(bank, "pictures").images)
    described = describe(tmp_path)
    assert described["own_pictures"] == read_contents(own)
    assert described["distorted_own_pictures"] == 6000


def test_soft_targets_are_what_the_versions_network_computes_now(start: Path) -> None:
    """By its temperature, which its graph divides by: so learning them changes nothing."""
    plan = plan_of(start, None)
    assert plan.teachers == (str(start / "model.onnx"),)
    assert 0.5 < 1 / plan.temperature < 0.6
    assert plan.judged == 1
