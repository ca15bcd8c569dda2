from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from training import __main__
from training.commands import making
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ConfigError
from training.evaluation.metrics import mcnemar
from training.networks.train import train
from training.preference import Candidate, Preference, common_pictures, prefer
from training.runs import write_json

NOTHING = np.zeros(0, np.bool_)


def candidate(name: str, *wrong: int) -> Candidate:
    """That misreads these of a hundred digits."""
    return Candidate(Path(name), ~np.isin(np.arange(100), wrong), NOTHING, NOTHING)


def preference(*candidates: Candidate) -> Preference:
    best = max(candidates, key=lambda other: int(other.correct.sum()))
    return Preference(candidates, best, [mcnemar(best.correct, other.correct) for other in candidates])


@pytest.fixture
def worse(config: TrainConfig, data: Split, tmp_path: Path) -> Path:
    """A run on forty digits."""
    small = dataclasses.replace(config, epochs=1, batch_size=20)
    train(small, dataclasses.replace(data, train=data.train[:40]), tmp_path / "worse", verbose="0")
    return tmp_path / "worse"


@pytest.mark.slow
def test_a_run_that_is_significantly_better_is_preferred(run: Path, worse: Path, data: Split) -> None:
    found = prefer([worse, run], data, None)
    assert found.preferred.run == run
    assert found.tests[0].significant
    assert list(found.table())[-1] == f"preferred: {run}, right most often"


def test_of_runs_that_differ_by_chance_the_one_named_first_is_preferred() -> None:
    found = preference(candidate("first", 1, 2, 3), candidate("second", 4))
    assert found.best.run.name == "second"
    assert found.preferred.run.name == "first"
    assert "not significantly worse" in list(found.table())[-1]


def test_six_differences_that_all_speak_for_one_run_are_no_chance() -> None:
    assert preference(candidate("first", *range(6)), candidate("second")).preferred.run.name == "second"
    assert preference(candidate("first", *range(5)), candidate("second")).preferred.run.name == "first"


def test_pictures_count_too_and_non_digits_are_right_where_they_are_refused(run: Path, data: Split) -> None:
    """Of two digits at once the network is mostly unsure, of noise it is sure."""
    digits = data.validation.images
    two_at_once = digits[100:150] // 2 + digits[200:250] // 2
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    labels = np.concatenate([data.validation.labels[:30], np.full(100, 10, np.uint8)])
    pictures = Digits(np.concatenate([digits[:30], two_at_once, noise]), labels)
    (only,) = prefer([run], data, pictures).candidates
    assert only.pictures[:30].tolist() == only.digits[:30].tolist()
    assert only.shows_digit.tolist() == [True] * 30 + [False] * 100
    assert only.pictures[30:80].mean() > only.pictures[80:].mean()


def test_the_test_digits_are_not_read(run: Path, data: Split) -> None:
    empty = dataclasses.replace(data, test=data.test[:0], train=data.train[:0])
    assert prefer([run], empty, None).preferred.run == run


def test_runs_of_different_datasets_need_to_be_told_whose_pictures_decide(
    run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    write_json(other / "config.json", dataclasses.replace(config, bank="runs/a", bank_parts=("near:1",)).to_dict())
    with pytest.raises(ConfigError, match="learnt from MNIST alone and runs/a: say whose"):
        common_pictures([run, other])


def test_the_command_prints_a_table_and_what_is_preferred(
    run: Path, data: Split, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "load_mnist", lambda _: data)
    assert __main__.main(["prefer", str(run), str(run)]) == 0
    header, first, second, last = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["run", "digits"]
    assert first.split()[0] == second.split()[0] == str(run)
    assert last.startswith(f"preferred: {run}")
