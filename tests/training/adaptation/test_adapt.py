"""An adaptation from the command line to a published version, with a tiny mixture and a few steps."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.repository.manifest import read_version
from training import __main__
from training.adaptation.outcome import Outcome
from training.commands import making
from training.datasets.mnist import Split
from training.evaluation import testsets

pytestmark = pytest.mark.slow  # an adaptation takes six trainings


FEW_STEPS = ["--epochs", "1", "--epoch-size", "512", "--batch-size", "64", "--ema-momentum", "0.5"]
FEW_STEPS += ["--bank-parts", "own:40", "near:20", "plain:10", "pictures:30"]


@pytest.fixture(scope="module")
def small_data(data: Split) -> Split:
    return Split(data.train[:500], data.validation[:500], data.test[:200])


@pytest.fixture
def on_small_data(small_data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "load_mnist", lambda _folder: small_data)
    monkeypatch.setattr(testsets, "all_test_sets", lambda _digits: [])


@pytest.fixture(scope="module")
def adapted(start: Path, own: Path, bank: Path, small_data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one adaptation. Tests must not write to it."""
    run = tmp_path_factory.mktemp("adapted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "load_mnist", lambda _folder: small_data)
        options = ["--start-from", str(start), "--with", str(own), "--bank", str(bank), "--out", str(run)]
        assert __main__.main(["train", *options, *FEW_STEPS]) == 0
    return run


def test_the_table_compares_own_pictures_and_everybody_elses(adapted: Path) -> None:
    outcome = Outcome.read(adapted)
    assert (outcome.own.data, outcome.own.n) == ("own pictures, cross-validated", 20)
    assert [(row.data, row.n) for row in outcome.others] == [
        ("MNIST validation digits", 500),
        ("synthetic pictures of digits", 270),
        ("synthetic pictures without a digit", 30),
    ]


def test_digits_that_lie_on_their_side_are_learnt_even_in_few_steps(adapted: Path) -> None:
    outcome = Outcome.read(adapted)
    assert outcome.own.before < 10
    assert outcome.own.after > outcome.own.before


def test_the_run_says_what_it_learnt_from(adapted: Path, own: Path) -> None:
    described = json.loads((adapted / "data.json").read_text())["bank"]
    assert described["own_pictures"]["sha256"] == json.loads((own / "contents.json").read_text())["sha256"]
    assert json.loads((adapted / "config.json").read_text())["own_pictures"] == str(own)


@pytest.mark.usefixtures("on_small_data")
def test_it_is_published_with_its_table_and_without_a_picture(adapted: Path, tmp_path: Path) -> None:
    arguments = ["publish", str(adapted), "--models", str(tmp_path), "--although-worse"]
    assert __main__.main(arguments) == 0
    manifest, _ = read_version(tmp_path / "digits/1")
    assert manifest.data["adaptation"]["own"]["n"] == 20
    assert manifest.data["bank"]["own_pictures"]["pictures"] == 20
    assert "own pictures, cross-validated | 20" in (tmp_path / "digits/1/card.md").read_text()


@pytest.mark.usefixtures("on_small_data")
def test_an_interrupted_adaptation_is_completed(
    adapted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the last epoch, before the table: the networks of the cross-validation are not trained again."""
    run = Path(shutil.copytree(adapted, tmp_path / "run"))
    (run / "adaptation.json").unlink()
    assert __main__.main(["train", "--resume", "--out", str(run)]) == 0
    assert "cross-validating" not in capsys.readouterr().err
    assert Outcome.read(run).own == Outcome.read(adapted).own


@pytest.mark.usefixtures("on_small_data")
def test_an_adaptation_to_other_pictures_is_not_continued(
    adapted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(adapted, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text()) | {"bank": str(run / "mixture")}
    (run / "config.json").write_text(json.dumps(config))
    (run / "mixture/own.json").write_text("{}")
    assert __main__.main(["train", "--resume", "--out", str(run)]) == 1
    assert "holds other pictures" in capsys.readouterr().err
    (run / "mixture/own.json").unlink()
    assert __main__.main(["train", "--resume", "--out", str(run)]) == 1
    assert "give the first command again" in capsys.readouterr().err


@pytest.mark.usefixtures("on_small_data")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--with", "{own}"], "name the version to adapt with --start-from"),
        (["--with", "{own}", "--start-from", "{start}", "--preset", "digits"], "no --preset"),
        (["--with", "{missing}", "--start-from", "{start}"], "pictures --from"),
        (["--with", "{own}", "--start-from", "{start}", "--rotation", "3"], "--rotation: it has no effect"),
    ],
)
def test_what_cannot_be_adapted_is_one_line(
    options: list[str], message: str, start: Path, own: Path, tmp_path: Path
) -> None:
    given = [option.format(own=own, start=start, missing=tmp_path / "missing") for option in options]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        assert __main__.main(["train", "--out", str(tmp_path / "run"), *given]) == 1
    (line,) = errors.getvalue().splitlines()
    assert message in line
    assert not (tmp_path / "run").exists()


def test_the_network_of_the_run_still_reads_others(adapted: Path, small_data: Split) -> None:
    outcome = Outcome.read(adapted)
    mnist = outcome.others[0]
    assert mnist.after >= mnist.before - 25
    assert np.isfinite(outcome.own.after)
