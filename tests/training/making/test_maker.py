"""Only what is missing is made, and what is made is the same again, however often the making was interrupted."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.repository.manifest import Graphs, Manifest, read_version
from tests.training.making import small_program
from training.errors import DataError
from training.making import kinds, maker
from training.making.maker import Maker
from training.making.recipe import parse_recipe
from training.making.steps import Places

pytestmark = pytest.mark.slow  # each making trains networks


ROOT = Path(__file__).parents[3]
TEACHER_ALONE = """
name: small
steps:
  - name: teacher
    train: {preset: digits-teacher, arch: mlp, epochs: EPOCHS, warmup_epochs: 0, batch_size: 50}
  - name: version
    publish: {}
    from: [teacher]
"""


# --- in this process ---


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Maker]:
    """Makes the short recipe on small data, up to its teacher."""
    monkeypatch.setattr(maker, "run_in_process", lambda job, *arguments, title: job(*arguments))
    monkeypatch.setattr(kinds, "load_mnist", small_program.small_mnist)

    def make_teacher(epochs: int = 1) -> Maker:
        recipe = parse_recipe(TEACHER_ALONE.replace("EPOCHS", str(epochs)))
        made = Maker(recipe, tmp_path / "runs", Places(tmp_path / "models", None))
        made.make("teacher")
        return made

    return make_teacher


def folders(made: Maker) -> list[Path]:
    return sorted(made.folder.glob("teacher-*"))


def test_a_step_that_is_done_is_not_done_again(make: Callable[..., Maker], capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert "step 1 of 1: teacher (train) ..." in capsys.readouterr().out
    (folder,) = folders(make())
    assert f"step 1 of 1: teacher (train): done before, {folder}" in capsys.readouterr().out


def test_a_changed_setting_makes_the_step_again_in_another_folder(make: Callable[..., Maker]) -> None:
    make(epochs=1)
    first, second = folders(make(epochs=2))
    assert (first / "model.keras").exists()
    assert (second / "model.keras").exists()


def test_a_result_that_was_changed_is_named_and_kept(make: Callable[..., Maker]) -> None:
    (folder,) = folders(make(epochs=1))
    (other,) = set(folders(make(epochs=2))) - {folder}
    (folder / "model.keras").write_bytes((other / "model.keras").read_bytes())
    with pytest.raises(DataError, match="is no longer what the step teacher has made"):
        make(epochs=1)
    assert (folder / "model.keras").read_bytes() == (other / "model.keras").read_bytes()


def test_an_interrupted_run_is_gone_on_with(make: Callable[..., Maker], capfd: pytest.CaptureFixture[str]) -> None:
    (folder,) = folders(make(epochs=2))
    (folder / "step.json").unlink()
    (folder / "checkpoint-0002.keras").rename(folder / "checkpoint-0001.keras")
    capfd.readouterr()
    make(epochs=2)
    assert "Epoch 2/2" in (shown := capfd.readouterr().out)
    assert "Epoch 1/2" not in shown


def test_the_list_says_what_is_done_and_what_is_to_do(make: Callable[..., Maker]) -> None:
    made = make()
    (folder,) = folders(made)
    assert [line.split(maxsplit=2)[2] for line in made.list()] == [f"done: {folder}", "to do"]


def test_the_summary_has_time_and_memory_of_each_step(make: Callable[..., Maker]) -> None:
    summary = json.loads((make().folder / "made.json").read_text())
    assert [step["name"] for step in summary["steps"]] == ["teacher"]
    assert summary["steps"][0]["seconds"] > 0
    assert summary["peak_bytes"] > 2**26


# --- as a program, from nothing to a version ---


class Making:
    """Runs the small recipe in a folder, as often as it is interrupted."""

    def __init__(self, folder: Path, recipe: str) -> None:
        folder.mkdir()
        (folder / "recipe.yaml").write_text(recipe)
        self.folder = folder
        self.output = ""

    def start(self, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(Path(small_program.__file__)), "make", "--recipe", "recipe.yaml"],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **options,
        )

    def kill_once_there_is(self, pattern: str) -> None:
        """`kill -9`, when a file of this name has been made."""
        process = self.start(stdin=subprocess.DEVNULL)
        while not list((self.folder / "runs").glob(pattern)):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.kill()
        process.communicate()  # until its own processes have ended too, and with them the output
        assert not list((self.folder / "models").glob("*/1"))

    def end_with_a_full_disk(self, bytes_of_a_file: int) -> None:
        process = self.start(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, bytes_of_a_file))
        )
        output = process.communicate()[0]
        assert process.returncode == 1, output
        assert "make room" in output.splitlines()[-1]

    def complete(self) -> tuple[Manifest, Graphs]:
        process = self.start()
        self.output = process.communicate()[0]
        assert process.returncode == 0, self.output
        return read_version(self.folder / "models/small/1")


def without_costs(manifest: Manifest) -> dict[str, Any]:
    """All but times and memory."""
    values = manifest.model_dump()
    for parent in values["parents"]:
        del parent["seconds"], parent["peak_bytes"]
    return values


@pytest.mark.slow
def test_a_making_that_was_killed_three_times_and_had_a_full_disk_ends_with_the_same_bytes(
    small_recipe: str, tmp_path: Path
) -> None:
    unbroken, broken = (Making(tmp_path / name, small_recipe) for name in ("unbroken", "broken"))
    manifest, graph = unbroken.complete()
    broken.kill_once_there_is("small/pictures-*/near-000.npz")
    broken.end_with_a_full_disk(30_000)
    broken.kill_once_there_is("small/first-*/checkpoint-0001.keras")
    broken.kill_once_there_is("small/.mean-*/config.json")
    again, graph_again = broken.complete()
    assert graph_again == graph
    assert without_costs(again) == without_costs(manifest)
    assert [parent.name for parent in manifest.parents] == ["teacher", "pictures", "first", "further", "mean", "best"]
    assert manifest.recipe == small_recipe
    assert "step 7 of 7: version (publish): made models/small/1" in unbroken.output
