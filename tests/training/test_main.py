from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from app.inference.session import Model
from tests.support.pictures import encode
from training import __main__, config_options
from training.commands import evaluating, making
from training.config import Privacy
from training.datasets.mnist import Digits, Split
from training.evaluation import testsets
from training.evaluation.testsets.base import TestSet
from training.presets import PRESETS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on_small_data(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small split for MNIST, whose training digits are not in the repository, and few test sets."""
    for room in (making, evaluating):
        monkeypatch.setattr(room, "load_mnist", lambda _folder: data)
    monkeypatch.setattr(testsets, "all_test_sets", few_test_sets)


def few_test_sets(digits: Digits) -> list[TestSet]:
    """Two test sets that need no download, with one picture of each variant: all of them take minutes."""
    test_sets = (testsets.files.file_formats(digits), testsets.ood.noise())
    return [dataclasses.replace(test_set, pictures_per_variant=1) for test_set in test_sets]


def config_of(*options: str) -> object:
    return config_options.config_from(__main__.build_parser().parse_args(["train", *options]))


def test_a_preset_alone_is_that_preset() -> None:
    assert config_of("--preset", "digits-mlp") == PRESETS["digits-mlp"]


def test_an_option_overrides_the_preset_and_nothing_else() -> None:
    expected = dataclasses.replace(
        PRESETS["digits"],
        epochs=3,
        options=dataclasses.replace(PRESETS["digits"].options, activation="tanh", batch_normalization=False),
        distortion=None,
    )
    given = ("--epochs", "3", "--activation", "tanh", "--no-batch-normalization", "--no-distortion")
    assert config_of(*given) == expected


@pytest.mark.usefixtures("on_small_data")
def test_train_then_publish_as_its_last_line_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    options = ["--preset", "textbook", "--arch", "mlp", "--epochs", "1", "--out", str(out), "--name", "mine"]
    assert __main__.main(["train", *options]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"next: python -m training publish {out}")
    assert __main__.main(["publish", str(out), "--models", str(tmp_path / "models")]) == 0
    assert f"published: {tmp_path}/models/mine/1" in capsys.readouterr().out


@pytest.mark.usefixtures("on_small_data")
def test_evaluate_uses_the_test_digits_only_when_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["evaluate", str(run)]) == 0
    output = capsys.readouterr().out
    assert "MNIST validation" in output
    assert "accuracy" in output
    assert "MNIST test" not in output
    assert __main__.main(["evaluate", str(run), "--test"]) == 0
    assert "MNIST test" in capsys.readouterr().out


@pytest.mark.usefixtures("on_small_data")
def test_export_writes_a_checked_file_to_the_path_given(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "digit.onnx"
    assert __main__.main(["export", str(run), "--out", str(out)]) == 0
    onnx.checker.check_model(onnx.load(out))
    assert "differs from Keras by at most" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["digit.onnx"]


@pytest.fixture
def set_speed(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes int8 so many times as fast as float32."""

    def set_speed(times: float) -> None:
        monkeypatch.setattr("training.evaluation.comparison.run_seconds", lambda *_: [1e-3 * times, 1e-3])

    monkeypatch.setattr("training.evaluation.comparison.MAX_LOSS", 1)  # a thousand digits are too few to judge
    return set_speed


@pytest.mark.usefixtures("on_small_data")
def test_compress_writes_the_int8_graph_that_publish_adds(
    run: Path, tmp_path: Path, set_speed: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    set_speed(2)
    assert __main__.main(["compress", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "2.00 times as fast" in printed
    assert printed.endswith(f"compressed: {folder}/model.int8.onnx\n")
    assert __main__.main(["publish", str(folder), "--models", str(tmp_path / "models")]) == 0
    assert (tmp_path / "models/tiny/1/model.int8.onnx").exists()


@pytest.mark.usefixtures("on_small_data")
def test_compress_prints_the_table_and_writes_nothing_where_int8_does_not_pay(
    run: Path, tmp_path: Path, set_speed: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_speed(1.05)
    assert __main__.main(["compress", str(run), "--out", str(tmp_path / "int8.onnx")]) == 1
    printed = capsys.readouterr()
    assert "read of MNIST validation, 1,000" in printed.out
    reason = "in batches of 64 it is 1.05 times as fast, and 1.1 is required"
    assert printed.err.endswith(f"error: int8 does not pay: {reason}; nothing was written\n")
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.usefixtures("on_small_data")
def test_version_is_compressed_into_the_file_given_and_surveyed_when_asked(
    models: Path, tmp_path: Path, set_speed: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_speed(2)
    version = str(models / "digits-mlp/1")
    assert __main__.main(["compress", version]) == 0
    assert capsys.readouterr().out.endswith("not written: --out names a file for the int8 graph of a version\n")
    assert __main__.main(["compress", version, "--survey", "--out", str(tmp_path / "int8.onnx")]) == 0
    assert "refused of noise, 8" in capsys.readouterr().out
    assert Model((tmp_path / "int8.onnx").read_bytes(), "cpu")


@pytest.mark.usefixtures("on_small_data")
@pytest.mark.slow
def test_prune_makes_a_run_that_publish_takes_if_it_pays(
    run: Path, tmp_path: Path, set_speed: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_speed(2)
    out = tmp_path / "pruned"
    assert __main__.main(["prune", str(run), "--epochs", "1", "--out", str(out), "--test"]) == 0
    table = capsys.readouterr().out
    assert "are left" in table
    assert "read of MNIST validation, 1,000" in table
    assert "read of MNIST, 1,000" in table
    assert table.endswith(f"pruned: {out}/model.keras; next: python -m training publish {out}\n")
    set_speed(1.05)
    assert __main__.main(["prune", str(run), "--epochs", "1", "--out", str(tmp_path / "slow")]) == 1
    printed = capsys.readouterr()
    assert "microseconds of a run of 64" in printed.out
    assert "error: pruning does not pay: in batches of 64 it is 1.05 times as fast" in printed.err


def test_a_private_network_is_not_pruned(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = Path(shutil.copytree(run, tmp_path / "run"))
    config = json.loads((private / "config.json").read_text()) | {"privacy": dataclasses.asdict(Privacy())}
    (private / "config.json").write_text(json.dumps(config))
    assert __main__.main(["prune", str(private), "--out", str(tmp_path / "out")]) == 1
    assert "a private or federated network would learn again as neither" in capsys.readouterr().err


@pytest.mark.usefixtures("on_small_data")
def test_report_draws_into_the_folder_given(run: Path, tmp_path: Path) -> None:
    assert __main__.main(["report", str(run), "--out", str(tmp_path)]) == 0
    assert "MNIST validation" in (tmp_path / "card.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("on_small_data")
@pytest.mark.parametrize("verb", ["evaluate", "export", "report", "publish"])
def test_a_folder_that_is_not_a_run_is_one_line_and_exit_status_one(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main([verb, str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {tmp_path} holds no trained model")


@pytest.mark.usefixtures("on_small_data")
def test_survey_prints_a_table_and_writes_figures_and_pictures_into_the_folder_given(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["survey", str(models / "digits-mlp/1"), "--out", str(tmp_path / "deep")]) == 0
    assert "noise" in capsys.readouterr().out
    figures = json.loads((tmp_path / "deep/survey.json").read_text())
    assert [outcome["n"] for outcome in figures] == [29, 8]
    assert (tmp_path / "deep/kinds.png").exists()


@pytest.mark.usefixtures("on_small_data")
def test_survey_prints_a_row_for_each_variant_where_asked_for(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = str(models / "digits-mlp/1")
    assert __main__.main(["survey", version]) == 0
    assert "chalk on a green board   " not in capsys.readouterr().out
    assert __main__.main(["survey", version, "--variants"]) == 0
    assert "chalk on a green board   " in capsys.readouterr().out


@pytest.mark.usefixtures("on_small_data")
def test_surveying_a_folder_that_is_not_a_version_is_one_line_and_exit_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["survey", str(tmp_path)]) == 1
    assert "there is no manifest.json" in capsys.readouterr().err


def test_missing_data_is_one_line_and_exit_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["train", "--data-dir", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: train-images-idx3-ubyte")
    assert not (tmp_path / "run").exists()


def test_own_pictures_are_prepared_and_those_that_are_not_used_are_named(
    test_digits: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "source/7").mkdir(parents=True)
    (tmp_path / "source/7/good.png").write_bytes(encode(test_digits.images[0]))
    (tmp_path / "source/7/bad.png").write_bytes(b"no picture")
    arguments = ["pictures", "--from", str(tmp_path / "source"), "--out", str(tmp_path / "mine")]
    assert __main__.main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(
        f"made: {tmp_path}/mine, 1 images of 1 pictures (7: 1); next: python -m training train"
    )
    (problem,) = printed.err.splitlines()
    assert problem.startswith(f"not used: {tmp_path}/source/7/bad.png: ")
    assert __main__.main(arguments) == 1
    assert "holds pictures already" in capsys.readouterr().err


def test_a_share_above_one_is_refused_with_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["pictures", "--judged", "1.5"]) == 1
    assert "--judged 1.5: give a number from 0 to 1" in capsys.readouterr().err


def test_a_distortion_is_changed_and_not_replaced() -> None:
    before = PRESETS["digits-teacher"].distortion
    assert before
    after = dataclasses.replace(before, rotation=20.0, elastic_alpha=(1.0, 2.0))
    changed = config_of("--preset", "digits-teacher", "--rotation", "20", "--elastic-alpha", "1", "2")
    assert changed == dataclasses.replace(PRESETS["digits-teacher"], distortion=after)


@pytest.mark.parametrize("verb", ["", "train"])
def test_help_does_not_load_tensorflow(verb: str) -> None:
    code = "import sys, runpy; sys.argv = ['training', *sys.argv[1:], '--help']\n"
    code += "try: runpy.run_module('training', run_name='__main__')\n"
    code += "finally: assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *verb.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in ("--epochs", "--rotation") if verb else [command.name for command in __main__.COMMANDS]:
        assert word in done.stdout
