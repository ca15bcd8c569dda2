"""What is refused before TensorFlow is loaded."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pictures import encode, enlarged
from training.adaptation.checks import check_adaptation, check_outcome
from training.adaptation.outcome import Comparison, Outcome
from training.config import Privacy, TrainConfig
from training.datasets.mnist import Digits
from training.datasets.own_pictures import make_own_pictures
from training.errors import ConfigError, DataError, ExportError
from training.networks.sources import source_config
from training.presets import ADAPTATION
from training.runs import write_json


def adapting(start: Path, own: Path) -> TrainConfig:
    return dataclasses.replace(source_config(start), **ADAPTATION, start_from=str(start), own_pictures=str(own))


def test_a_version_and_twenty_pictures_can_be_adapted(start: Path, own: Path) -> None:
    check_adaptation(adapting(start, own))


@pytest.mark.parametrize("setting", [{"privacy": Privacy()}, {"fold": "1/2"}], ids=["privacy", "fold"])
def test_what_a_version_promised_of_its_digits_is_not_said_of_the_adapted_one(setting: dict[str, Any]) -> None:
    config = dataclasses.replace(TrainConfig(**setting), **ADAPTATION)
    assert not config.is_private
    assert config.left_out_fold() is None


def test_a_run_is_no_version_to_adapt(start: Path, own: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(adapting(start, own), start_from=str(tmp_path))
    with pytest.raises(ConfigError, match="name a published version"):
        check_adaptation(config)


def test_few_pictures_are_too_few_to_cross_validate(start: Path, test_digits: Digits, tmp_path: Path) -> None:
    (tmp_path / "source/7").mkdir(parents=True)
    (tmp_path / "source/7/a.png").write_bytes(encode(enlarged(test_digits.images[0])))
    make_own_pictures(tmp_path / "source", tmp_path / "mine", read_model=pytest.fail)
    with pytest.raises(DataError, match="has 1 pictures: collect at least 10"):
        check_adaptation(adapting(start, tmp_path / "mine"))


def test_a_network_that_rejects_nothing_cannot_learn_pictures_without_a_digit(
    start: Path, test_digits: Digits, tmp_path: Path
) -> None:
    for index in range(10):
        file = tmp_path / f"source/none/{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(enlarged(np.rot90(test_digits.images[index]))))
    make_own_pictures(tmp_path / "source", tmp_path / "mine", read_model=pytest.fail)
    check_adaptation(adapting(start, tmp_path / "mine"))
    with pytest.raises(DataError, match="cannot learn"):
        check_adaptation(adapting(start.parents[1] / "digits-mlp/2", tmp_path / "mine"))


# --- before it is published -------------------------------------------------------------------------------------------

GOOD = Comparison("own pictures", 50, before=10, after=40, gained=30, lost=0)
WORSE = Comparison("everybody else's", 5000, before=4980, after=4900, gained=0, lost=80)


def adapted_run(config: TrainConfig, outcome: Outcome | None, folder: Path) -> Path:
    write_json(folder / "config.json", config.to_dict())
    if outcome:
        outcome.write(folder)
    return folder


def test_what_got_worse_is_not_published_unless_told(
    start: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = adapted_run(adapting(start, own), Outcome(GOOD, (WORSE,)), tmp_path)
    with pytest.raises(ExportError, match=re.escape("everybody else's")):
        check_outcome(run, although_worse=False)
    assert "+0 -80" in capsys.readouterr().out
    check_outcome(run, although_worse=True)


def test_what_got_better_is_published(start: Path, own: Path, tmp_path: Path) -> None:
    check_outcome(adapted_run(adapting(start, own), Outcome(GOOD, ()), tmp_path), although_worse=False)


def test_an_adaptation_without_its_table_is_not_published(start: Path, own: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--resume"):
        check_outcome(adapted_run(adapting(start, own), None, tmp_path), although_worse=True)
