"""Ways to break a run: each ends in one line that says what to do, before TensorFlow is loaded, and loses nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from training import __main__
from training.commands import evaluating, making
from training.config import Options, TrainConfig
from training.datasets.mnist import Split, load_mnist
from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import Examples, Plan, shard_path
from training.files import locked
from training.presets import PRESETS
from training.runs import write_history, write_json

ROOT = Path(__file__).parents[2]
CONFIG = dataclasses.replace(PRESETS["textbook"], epochs=2)
TEACHER = ROOT / "models/digits-mlp/1/model.onnx"


class Folders(NamedTuple):
    run: Path  # a complete run of two epochs
    bank: Path  # a synthetic dataset
    new: Path  # does not exist

    def format(self, arguments: str) -> list[str]:
        return [word.format(**self._asdict(), models=ROOT / "models") for word in arguments.split()]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """As `train` and `pictures` leave them, but their networks are no networks."""
    run = tmp_path / "run"
    make_run(run, CONFIG)
    bank = tmp_path / "bank"
    Examples(np.zeros((9, 28, 28), np.uint8), smooth_labels(np.zeros(9, int))).save(shard_path(bank, "near", 0))
    write_json(bank / "plan.json", Plan((str(TEACHER),), judged=0.25).making())
    return Folders(run, bank, tmp_path / "new")


def make_run(run: Path, config: TrainConfig) -> None:
    write_json(run / "config.json", config.to_dict())
    write_json(run / "data.json", {"split": {}})
    row = {"accuracy": 0.5, "loss": 1.0, "val_accuracy": 0.5, "val_loss": 1.0}
    write_history(run, [{"epoch": epoch, **row} for epoch in range(2)])
    for name in ("model.keras", "checkpoint-0002.keras"):
        with zipfile.ZipFile(run / name, "w") as archive:
            archive.writestr("model.weights.h5", bytes(range(256)) * 100)


# --- what is done to a run before the command ---


HALF_A_HISTORY = "epoch,accuracy,loss,val_accuracy,val_loss\n0,1,1,1,1\n1,0."


def change_config(folders: Folders, **values: Any) -> None:
    path = folders.run / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write(name: str, content: str) -> Callable[[Folders], None]:
    return lambda folders: void((folders.run / name).write_text(content))


def void(_: object) -> None: ...


def cut(name: str) -> Callable[[Folders], None]:
    """Half of the file is lost."""
    return lambda folders: void((folders.run / name).write_bytes((folders.run / name).read_bytes()[:9000]))


def damage_inside(name: str) -> Callable[[Folders], None]:
    """One byte is another one."""

    def flip(folders: Folders) -> None:
        content = bytearray((folders.run / name).read_bytes())
        content[5000] ^= 1
        (folders.run / name).write_bytes(content)

    return flip


def remove(name: str) -> Callable[[Folders], None]:
    return lambda folders: (folders.run / name).unlink()


def use_dataset(folders: Folders) -> None:
    change_config(folders, bank=str(folders.bank), bank_parts=["near:1"])


def second_run(folders: Folders) -> None:
    config = dataclasses.replace(CONFIG, arch="cnn", standardise=False, options=Options(batch_normalization=True))
    make_run(folders.new, config)


def nothing(_: Folders) -> None: ...


class Way(NamedTuple):
    name: str
    arguments: str
    says: str  # part of the line
    prepare: Callable[[Folders], None] = nothing


T = "train --preset textbook --out {new} "  # a training that would run
WAYS = (
    # options
    Way("no epochs", T + "--epochs 0", "--epochs 0: give a number from 1 to 9999"),
    Way("no epochs into a run", "train --epochs 0 --out {run}", "--epochs 0"),
    Way("epochs in words", T + "--epochs many", "invalid int value"),
    Way("a negative rate", T + "--learning-rate -1", "--learning-rate -1.0: give a number of at least 0"),
    Way("a rate that is no number", T + "--learning-rate nan", "--learning-rate nan"),
    Way("an infinite rate", T + "--learning-rate inf", "--learning-rate inf"),
    Way("an empty batch", T + "--batch-size 0", "--batch-size 0: give a number from 1"),
    Way("a batch larger than an epoch", T + "--batch-size 2001", "an epoch has only 2000 images"),
    Way("everything dropped", T + "--dropout 1.5", "--dropout 1.5: give a number from 0 to below 1"),
    Way("negative patience", T + "--patience -1", "--patience -1"),
    Way("a negative seed", T + "--seed -1", "--seed -1"),
    Way("an unknown option", T + "--epoch_s 3", "unrecognized arguments: --epoch_s"),
    Way("an unknown command", "trian", "invalid choice: 'trian'"),
    Way("no command", "", "COMMAND"),
    Way("an unknown preset", "train --preset digit", "invalid choice: 'digit'"),
    Way("an unknown architecture", T + "--arch rnn", "invalid choice: 'rnn'"),
    Way("a name that is a path", T + "--name ../x", "--name '../x'"),
    Way("a label twice", T + "--labels 0 1 1", "give at least two, each once"),
    Way("fewer labels than MNIST has", T + "--labels a b", "MNIST has ten"),
    Way("a range turned round", T + "--elastic-alpha 9 1", "the first number is the lower one"),
    Way("a setting that the architecture lacks", T + "--arch cnn", "--standardise: cnn does not take it"),
    Way("non-digits without pictures of them", T + "--rejects", "--rejects needs pictures"),
    Way("a distortion without effect", "train --rotation 20 --out {new}", "--rotation: it has no effect"),
    Way("a fold of none", T + "--fold 0/4", "--fold 0/4: give the fold and the number of folds, as 2/5"),
    Way("a fold of a dataset", T + "--fold 1/4 --bank {bank} --bank-parts near:1", "--fold: it has no effect"),
    # data
    Way("no synthetic dataset", "train --bank {new} --out {new}", "holds no images of the kind digits"),
    Way("a kind that is not there", T + "--bank {bank} --bank-parts far:1", "no images of the kind far"),
    Way("a kind without a share", T + "--bank {bank} --bank-parts near", "--bank-parts near: give each kind once"),
    Way("a share of nothing", T + "--bank {bank} --bank-parts near:0", "with a share above 0"),
    Way(
        "a kind with less than an image",
        T + "--bank {bank} --bank-parts near:1 far:99",
        "near:1: this is less than one image in a batch",
    ),
    Way(
        "a damaged shard",
        T + "--bank {bank} --bank-parts near:1",
        "near-000.npz is damaged",
        lambda folders: void((folders.bank / "near-000.npz").write_bytes(b"PK")),
    ),
    Way("no MNIST", T + "--data-dir {bank}", "train-images-idx3-ubyte (or"),
    Way("no teacher", "pictures --out {new} --teachers {new}/model.onnx", "does not exist: get it from"),
    Way("a teacher that is no graph", "pictures --out {new} --teachers README.md", "README.md cannot be used"),
    Way("shards of another plan", f"pictures --out {{bank}} --teachers {TEACHER}", "judged_share is 0.25, not 0.5"),
    Way(
        "shards of another seed",
        f"pictures --out {{bank}} --teachers {TEACHER} --judged 0.25 --seed 4",
        "seed is 0, not 4",
    ),
    Way("a negative number of shards", "pictures --out {new} --near -1", "--near -1: give a number from 0 to 999"),
    Way(
        "old shards without a plan",
        f"pictures --out {{bank}} --teachers {TEACHER}",
        "does not say how it was made",
        lambda folders: (folders.bank / "plan.json").unlink(),
    ),
    # run folders
    Way("trained twice into a folder", "train --preset textbook --out {run}", "holds a trained run: continue it"),
    Way("into a folder of something else", "train --preset textbook --out {bank}", "is not empty and not a run"),
    Way("into a file", "train --preset textbook --out {run}/config.json", "is a file, not a folder"),
    Way("resumed with another architecture", "train --resume --out {run} --arch cnn", 'arch is "mlp", not "cnn"'),
    Way("resumed with another seed", "train --resume --out {run} --seed 9", "seed is 0, not 9"),
    Way("resumed with more epochs", "train --resume --out {run} --epochs 9", "epochs is 2, not 9"),
    Way("resumed with another preset", "train --resume --out {run} --preset digits", "another configuration"),
    Way("resumed where there is nothing", "train --resume --out {new}", "config.json does not exist"),
    Way("a checkpoint cut short", "train --resume --out {run}", "is damaged", cut("checkpoint-0002.keras")),
    Way(
        "a checkpoint with a wrong byte",
        "train --resume --out {run}",
        "damaged",
        damage_inside("checkpoint-0002.keras"),
    ),
    Way("half a history", "train --resume --out {run}", "row of epoch 1", write("history.csv", HALF_A_HISTORY)),
    Way("no history", "train --resume --out {run}", "has 0 rows, but the checkpoint is of 2", remove("history.csv")),
    Way("a config that is no JSON", "evaluate {run}", "config.json cannot be read", write("config.json", "{")),
    Way("a config that is a list", "evaluate {run}", "does not hold a JSON object", write("config.json", "[]")),
    Way("a config of nothing", "evaluate {run}", "it lacks options", write("config.json", "{}")),
    Way(
        "a config with an unknown setting",
        "evaluate {run}",
        "no setting colour",
        lambda run: change_config(run, colour=1),
    ),
    Way(
        "a config with a word for a number",
        "evaluate {run}",
        "--epochs 'two'",
        lambda run: change_config(run, epochs="two"),
    ),
    Way("no config", "evaluate {run}", "holds no trained model", remove("config.json")),
    Way("a model cut short", "evaluate {run}", "model.keras is damaged", cut("model.keras")),
    Way("a model with a wrong byte", "export {run}", "model.keras is damaged", damage_inside("model.keras")),
    Way("no model", "report {run}", "holds no trained model", remove("model.keras")),
    Way(
        "half a history, published",
        "publish {run} --models {new}",
        "row of epoch 0",
        write("history.csv", "epoch,loss\n0,0."),
    ),
    Way(
        "an unknown architecture, published",
        "publish {run} --models {new}",
        "--arch rnn",
        lambda run: change_config(run, arch="rnn"),
    ),
    Way(
        "a dataset that the run does not describe",
        "publish {run} --models {new}",
        "what its synthetic dataset held",
        use_dataset,
    ),
    # starting from another run, and averages
    Way("from nothing", T + "--start-from {new}", "neither a run nor a version"),
    Way("from a model without config", T + "--start-from {run}", "no config.json", remove("config.json")),
    Way("from a damaged model", T + "--start-from {run}", "is damaged", cut("model.keras")),
    Way("from another architecture", T + "--start-from {models}/digits/7", "its arch is cnn, this run's is mlp"),
    Way("an average over a run", "average {run} {run} --out {run}", "holds a trained run"),
    Way("an average of two architectures", "average {new} {run} --out {bank}/x", "its arch is cnn", second_run),
    Way("an average of nothing", "average {new} --out {bank}/x", "holds no trained model"),
    Way("an average of versions alone", "average {models}/digits/7 --out {new}", "holds no trained model"),
    # recipes and preferences
    Way("an unknown recipe", "make digit", "there is no recipe"),
    Way("a recipe of something else", "make --recipe {run}/config.json", "the recipe: there is no setting"),
    Way("an unknown step", "make digits --until end --runs {new}", "--until end: the steps are labelled"),
    Way("preferred of nothing", "prefer {run} {new}", "holds no trained model"),
    # several workers
    Way("workers without a cluster", T + "--distribute multiworker", "needs the environment variable TF_CONFIG"),
)


def run_command(arguments: list[str]) -> int:
    try:
        return __main__.main(arguments)
    except SystemExit as exit_:  # argparse
        return int(exit_.code or 0)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def small_mnist(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small split for MNIST, unless a folder is given."""
    for room in (making, evaluating):
        monkeypatch.setattr(room, "load_mnist", lambda folder: load_mnist(folder) if folder else data)
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
def test_each_way_to_break_a_run_is_one_line_and_loses_nothing(
    way: Way, folders: Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "training.networks.train", None)  # importing it would fail: it is not needed
    way.prepare(folders)
    before = snapshot(folders.run.parent)
    assert run_command(folders.format(way.arguments)) in (1, 2)
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert way.says in line
    assert captured.out == ""
    assert snapshot(folders.run.parent) == before


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        ("{", "needs the environment variable TF_CONFIG"),
        ('{"cluster": {}, "task": {"index": 0}}', "needs the environment variable TF_CONFIG"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"index": 1}}', "needs the environment variable TF_CONFIG"),
        ('{"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"index": 0}}', "it is of all 3 workers"),
    ],
)
def test_a_cluster_that_cannot_share_the_batches_is_one_line(
    cluster: str, says: str, folders: Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", cluster)
    assert run_command(folders.format(T + "--distribute multiworker")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not folders.new.exists()


def test_a_folder_that_another_process_writes_to_is_refused(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(folders.bank):
        arguments = f"pictures --out {{bank}} --teachers {TEACHER} --judged 0.25"
        shutil.rmtree(folders.bank)
        folders.bank.mkdir()
    with locked(folders.bank):
        assert run_command(folders.format(arguments)) == 1
    assert "another process is writing" in capsys.readouterr().err


def test_an_interrupted_command_says_so_in_one_line(
    folders: Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "load_mnist", interrupt)
    assert run_command(folders.format(T)) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("interrupted")
