"""The bank of pictures that runs learn from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.distillation import synthetic_dataset as bank
from training.distillation.synthetic_dataset import Bank, Plan, Worker
from training.errors import DataError
from training.networks.train import BankBatches, moved
from training.synthesis.glyphs import NON_DIGIT

GRAPH = Path(__file__).parents[3] / "models/digits-mlp/1/model.onnx"


@pytest.fixture
def worker(data: Split, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(bank, "SHARD", 200)
    return Worker(Plan((str(GRAPH),)), data, [Model(GRAPH.read_bytes(), "cpu")])


def test_distorted_digits_are_labelled_by_their_teachers(worker: Worker) -> None:
    shard = bank.shown(worker, 0, bank.DISTORTION)
    assert shard.images.shape == (200, 28, 28)
    assert shard.targets.shape == (200, 11)
    assert np.allclose(shard.targets.astype(float).sum(axis=1), 1, atol=0.01)
    assert np.allclose(shard.targets[:, NON_DIGIT], bank.NEVER_SURE, atol=1e-3)
    said = worker.teachers[0].run(shard.images)
    assert np.array_equal(said.argmax(axis=1), shard.targets.argmax(axis=1))


def test_a_shard_is_a_function_of_its_number_and_no_two_are_the_same(worker: Worker) -> None:
    first, again, other = (bank.shown(worker, number, bank.DISTORTION) for number in (0, 0, 1))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_digits_as_they_are_all_come_before_any_comes_again(worker: Worker) -> None:
    shards = [bank.shown(worker, number, None) for number in range(len(worker.data.train) // 200)]
    seen = {bytes(image) for shard in shards for image in shard.images}
    assert seen == set(map(bytes, worker.data.train.images))


def test_pictures_of_digits_are_half_what_their_teachers_say_and_those_of_none_are_not(worker: Worker) -> None:
    """Only a teacher that knows what is no digit is asked."""
    pictures = Bank(worker.data.train.images[:20], bank.smoothed(np.array([3] * 10 + [NON_DIGIT] * 10)))
    assert bank.taught_too(pictures, worker) is pictures
    judge = Model((GRAPH.parents[2] / "digits/6/model.onnx").read_bytes(), "cpu")
    judged = bank.taught_too(pictures, dataclasses.replace(worker, teachers=[*worker.teachers, judge])).targets
    assert np.array_equal(judged[10:], pictures.targets[10:])
    said = judge.run(pictures.images[:10]).argmax(axis=1)
    shares = judged[:10].astype(float)
    assert np.allclose(shares.sum(axis=1), 1, atol=0.01)
    assert (shares[np.arange(10), said] > 0.3).all()
    assert (shares[:, 3] > 0.4).all()


def test_a_bank_of_labels_alone_asks_no_teacher_about_pictures(worker: Worker) -> None:
    pictures = Bank(worker.data.train.images[:20], bank.smoothed(np.full(20, 3)))
    judge = Model((GRAPH.parents[2] / "digits/6/model.onnx").read_bytes(), "cpu")
    plan = dataclasses.replace(worker.plan, judged=0)
    assert bank.taught_too(pictures, dataclasses.replace(worker, teachers=[judge], plan=plan)) is pictures
    assert bank.contents(plan)["judged_share"] == 0


def test_labels_are_smoothed_over_all_eleven() -> None:
    targets = bank.smoothed(np.array([3, NON_DIGIT])).astype(float)
    assert targets.argmax(axis=1).tolist() == [3, NON_DIGIT]
    assert targets.sum(axis=1) == pytest.approx(1, abs=0.01)
    assert targets.min() > 0


def write(folder: Path, name: str, n: int, label: int) -> None:
    images = np.full((n, 28, 28), label, np.uint8)
    np.savez_compressed(folder / f"{name}.npz", images=images, targets=bank.smoothed(np.full(n, label)))


def test_a_bank_is_read_by_kinds(tmp_path: Path) -> None:
    write(tmp_path, "pictures-000", 3, 1)
    write(tmp_path, "pictures-001", 4, 2)
    write(tmp_path, "validation-000", 5, NON_DIGIT)
    assert len(bank.read(tmp_path, "pictures")) == 7
    assert bank.validation(tmp_path).labels.tolist() == [NON_DIGIT] * 5


def test_an_empty_bank_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="python -m training pictures"):
        bank.read(tmp_path, "digits")


def test_a_missing_shard_alone_is_made(tmp_path: Path, data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "worker", None)
    monkeypatch.setattr(bank, "load_mnist", lambda _: data)
    bank.prepare_worker(Plan((str(GRAPH),)))
    monkeypatch.setattr(bank, "SHARD", 100)
    path = bank.shard(tmp_path, "digits", 7)
    bank.write_shard(path, "digits", 7)
    assert [each.name for each in tmp_path.iterdir()] == ["digits-007.npz"]
    assert len(bank.read(tmp_path, "digits")) == 100


def test_a_missing_teacher_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="digits-teacher"):
        bank.make(tmp_path, Plan(("nowhere.onnx",)))
    assert not list(tmp_path.iterdir())


def numbered(n: int) -> Bank:
    """Pictures that can be told apart wherever they are moved."""
    images = np.arange(n, dtype=np.uint8)[:, None, None] + np.zeros((1, 28, 28), np.uint8)
    return Bank(images, bank.smoothed(np.zeros(n, int)))


def test_epochs_take_other_pictures_until_all_were_seen() -> None:
    config = TrainConfig(epoch_size=40, batch_size=10)
    batches = BankBatches([numbered(130)], [10], config)
    assert len(batches) == 4
    seen: set[int] = set()
    for _ in range(3):
        for index in range(len(batches)):
            seen |= {int(image[14, 14]) for image in batches[index][0]}
        batches.on_epoch_end()
    assert len(seen) == 120


def test_a_resumed_run_sees_what_an_unbroken_one_sees() -> None:
    config = TrainConfig(epoch_size=40, batch_size=10)
    unbroken, resumed = BankBatches([numbered(130)], [10], config), BankBatches([numbered(130)], [10], config, epoch=1)
    unbroken.on_epoch_end()
    assert np.array_equal(unbroken[2][0], resumed[2][0])


def test_every_batch_holds_each_kind_in_its_share(tmp_path: Path) -> None:
    write(tmp_path, "near-000", 30, 1)
    write(tmp_path, "pictures-000", 30, 2)
    parts = ("near:3", "pictures:1")
    batches = BankBatches.of(TrainConfig(bank=str(tmp_path), bank_parts=parts, batch_size=10, epoch_size=40), 0)
    for index in range(4):
        assert np.bincount(batches[index][1].argmax(axis=1)).tolist() in ([0, 8, 2], [0, 7, 3])


@pytest.mark.parametrize("rejects", [False, True])
def test_a_network_learns_shares_of_the_classes_it_has(rejects: bool) -> None:
    """To the last bit that sums to 1, or its loss would push all logits the same way for ever."""
    batches = BankBatches(
        [numbered(30)], [10], TrainConfig(epoch_size=10, batch_size=10, options=Options(rejects=rejects))
    )
    targets = batches[0][1]
    assert targets.shape == (10, 11 if rejects else 10)
    assert np.abs(targets.sum(axis=1, dtype=np.float64) - 1).max() < 1e-6


def test_images_move_by_a_pixel_at_most() -> None:
    dot = np.zeros((500, 28, 28), np.uint8)
    dot[:, 14, 14] = 255
    places = np.argwhere(moved(dot, 1, np.random.default_rng(0)))[:, 1:]
    assert {tuple(place) for place in places.tolist()} == {(y, x) for y in (13, 14, 15) for x in (13, 14, 15)}
