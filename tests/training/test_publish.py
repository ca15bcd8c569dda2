from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from app.repository.manifest import INT8_FILE, Manifest, Parent, read_version
from app.repository.version_folders import list_versions
from tests.support.model_versions import edit_manifest
from training.compression import compress
from training.config import TrainConfig
from training.datasets.mnist import DIGESTS, Digits, Split
from training.errors import CompressionError, DataError, ExportError
from training.evaluation.testsets import files, ood
from training.export import export
from training.networks.train import train
from training.provenance import commit, machine_kind
from training.publish import next_version, publish
from training.version_manifest import Origin


@pytest.fixture(scope="module")
def published(run: Path, data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(run, tmp_path_factory.mktemp("models"), data)


@pytest.fixture(scope="module")
def manifest(published: Path) -> Manifest:
    return read_version(published)[0]


def test_a_version_holds_graph_manifest_card_and_diagrams(published: Path) -> None:
    assert (published.parent.name, published.name) == ("tiny", "1")
    diagrams = {f"{name}.png" for name in ("curves", "confusion", "misread", "reliability", "seen")}
    assert {path.name for path in published.iterdir()} == {"model.onnx", "manifest.json", "card.md", *diagrams}
    assert [path.name for path in published.parents[1].iterdir()] == ["tiny"]


def test_the_service_loads_the_version_and_it_reads_digits(published: Path, data: Split) -> None:
    manifest, graphs = read_version(published)
    predicted = Model(graphs.float32, "cpu").run(data.test.images).argmax(axis=1)
    accuracy = next(metric for metric in manifest.metrics if metric.name == "accuracy" and "test" in metric.data)
    assert (predicted == data.test.labels).mean() == accuracy.value


def test_the_manifest_describes_the_file_beside_it(published: Path, manifest: Manifest) -> None:
    graph = (published / "model.onnx").read_bytes()
    assert manifest.sha256 == hashlib.sha256(graph).hexdigest()
    assert manifest.bytes == len(graph)
    assert manifest.parameters == 111_146
    (image,) = manifest.inputs
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", ["batch", 28, 28])
    outputs = {tensor.name: (tensor.dtype, tensor.shape) for tensor in manifest.outputs}
    assert outputs == {"logits": ("float32", ["batch", 10]), "probabilities": ("float32", ["batch", 10])}


def test_the_manifest_says_how_the_version_was_made(manifest: Manifest, config: TrainConfig) -> None:
    assert TrainConfig.from_dict(manifest.config) == config
    assert manifest.seed == config.seed
    assert manifest.data["sha256"] == DIGESTS
    assert manifest.data["split"] == {"train": 2000, "validation": 1000, "test": 1000}
    assert set(manifest.libraries) == {"python", "tensorflow", "keras", "onnx", "tf2onnx", "numpy"}
    assert manifest.libraries["numpy"] == np.__version__


def test_the_manifest_names_the_commit_the_machine_and_what_the_calibration_was_chosen_on(manifest: Manifest) -> None:
    assert (manifest.commit, manifest.machine) == (commit(), machine_kind())
    assert manifest.data["calibration"] == "1,000 validation digits"
    assert manifest.recipe is None


def test_the_date_is_the_same_for_the_same_commit(
    run: Path, data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "981173106")
    assert read_version(publish(run, tmp_path, data))[0].created == "2001-02-03T04:05:06+00:00"


PARENT = Parent(
    name="only",
    kind="train",
    sha256="ab" * 32,
    inputs=[],
    settings={},
    commit=None,
    machine="",
    seconds=61,
    peak_bytes=None,
)
ORIGIN = Origin("name: tiny", [PARENT])


def test_a_run_of_a_recipe_is_published_once_and_names_its_parents(
    run: Path, data: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = publish(run, tmp_path, data, origin=ORIGIN)
    assert publish(run, tmp_path, data, origin=ORIGIN) == first
    assert f"the same bytes as {first}" in capsys.readouterr().out
    manifest, _ = read_version(first)
    assert (manifest.recipe, manifest.parents) == ("name: tiny", [PARENT])
    assert f"| only | train | MNIST | `{'ab' * 6}` | 0:01:01 | unknown |" in (first / "card.md").read_text()


@pytest.mark.slow
def test_other_bytes_of_the_same_recipe_are_explained_and_compared_with_those_before(
    run: Path, config: TrainConfig, data: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recipe was made on another machine, as its manifest says, and is worse there."""
    first = publish(run, tmp_path / "models", data, origin=ORIGIN)
    edit_manifest(first, machine="sparc 1 cores")
    worse = dataclasses.replace(config, epochs=1)
    train(worse, dataclasses.replace(data, train=data.train[:100]), tmp_path / "worse", verbose="0")
    second = publish(tmp_path / "worse", tmp_path / "models", data, origin=ORIGIN)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("other bytes")]
    assert f'machine was "sparc 1 cores", is "{machine_kind()}"' in line
    assert "libraries" not in line
    card = (second / "card.md").read_text(encoding="utf-8")
    assert "## Compared with version 1" in card
    before, after = (read_version(folder)[0].metrics[1].value for folder in (first, second))
    assert f"| MNIST test digits | {100 * before:.2f} % | {100 * after:.2f} % |" in card


def test_every_metric_names_the_data_it_was_measured_on(manifest: Manifest) -> None:
    assert [(metric.name, metric.data) for metric in manifest.metrics] == [
        ("accuracy", "MNIST validation, 1,000 digits"),
        ("accuracy", "MNIST test, 1,000 digits"),
        ("expected_calibration_error", "MNIST test, 1,000 digits"),
    ]
    for metric in manifest.metrics[:2]:
        assert metric.interval is not None
        assert metric.interval[0] < metric.value < metric.interval[1]
    assert manifest.parity.max_abs_difference <= 1e-5


def test_the_manifest_has_the_figures_of_the_test_sets(run: Path, data: Split, tmp_path: Path) -> None:
    test_sets = [
        dataclasses.replace(test_set, pictures_per_variant=1)
        for test_set in (files.file_formats(data.test), ood.noise())
    ]
    folder = publish(run, tmp_path, data, test_sets)
    figures = {(metric.name, metric.data) for metric in read_version(folder)[0].metrics}
    assert {
        ("accuracy", "files, 29 pictures"),
        ("expected_calibration_error", "files, 29 pictures"),
        ("share_refused", "noise, 8 pictures"),
        ("auroc", "noise, 8 pictures, against MNIST's test digits"),
    } < figures
    assert (folder / "kinds.png").exists()


@pytest.mark.slow
def test_publishing_again_makes_the_next_version(run: Path, data: Split, tmp_path: Path) -> None:
    assert [publish(run, tmp_path, data).name for _ in range(2)] == ["1", "2"]
    assert [folder.name for folder in list_versions(tmp_path)] == ["1", "2"]


def test_the_next_version_follows_the_largest_number_and_ignores_other_names(tmp_path: Path) -> None:
    for name in ("2", "10", "notes"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 11


def test_publishing_a_run_without_a_model_leaves_nothing(run: Path, data: Split, tmp_path: Path) -> None:
    incomplete = Path(shutil.copytree(run, tmp_path / "run"))
    (incomplete / "model.keras").unlink()
    with pytest.raises(ExportError):
        publish(incomplete, tmp_path / "models", data)
    assert not (tmp_path / "models").exists()


def test_publishing_that_fails_half_way_leaves_nothing(run: Path, data: Split, tmp_path: Path) -> None:
    """The graph is proven; then there is a label too few for the evaluation."""
    broken = dataclasses.replace(data, validation=data.validation, test=Digits(data.test.images, data.test.labels[:-1]))
    with pytest.raises(ValueError, match="labels"):
        publish(run, tmp_path, broken)
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_cannot_be_drawn_leaves_nothing(run: Path, data: Split, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(run, tmp_path / "run"))
    (damaged / "history.csv").write_text("epoch,accuracy\n0,0.5\n")
    with pytest.raises(DataError, match="damaged in its row of epoch 0"):
        publish(damaged, tmp_path / "models", data)
    assert not (tmp_path / "models").exists()


# --- with an int8 graph -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compressed_run(run: Path, data: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(run, tmp_path_factory.mktemp("runs") / "compressed"))
    (folder / INT8_FILE).write_bytes(compress(export(folder, data).graph, data, None).graph)
    return folder


def test_int8_graph_of_the_run_is_published_with_figures_of_that_very_file(
    compressed_run: Path, data: Split, tmp_path: Path
) -> None:
    folder = publish(compressed_run, tmp_path, data)
    assert (folder / INT8_FILE).read_bytes() == (compressed_run / INT8_FILE).read_bytes()
    manifest, graphs = read_version(folder)
    assert graphs.int8 is not None
    assert manifest.int8 is not None
    float32, int8 = (Model(graph, "cpu").run(data.test.images) for graph in (graphs.float32, graphs.int8))
    on_test = next(metric for metric in manifest.int8.metrics if metric.data == "MNIST test, 1,000 digits")
    assert on_test.value == (int8.argmax(axis=1) == data.test.labels).mean()
    assert manifest.int8.agreement.data == on_test.data
    assert manifest.int8.agreement.equal_share == (int8.argmax(axis=1) == float32.argmax(axis=1)).mean()
    assert manifest.int8.agreement.max_abs_difference == pytest.approx(np.abs(int8 - float32).max(), abs=1e-4)
    assert manifest.int8.calibration == "1,000 MNIST training digits"


@pytest.mark.slow
def test_int8_graph_has_the_figures_of_the_float32_graph_and_its_speed(
    compressed_run: Path, data: Split, tmp_path: Path
) -> None:
    manifest, _ = read_version(publish(compressed_run, tmp_path, data))
    assert manifest.int8 is not None
    figures = [(metric.name, metric.data) for metric in manifest.int8.metrics]
    assert figures[:3] == [(metric.name, metric.data) for metric in manifest.metrics]
    assert [name for name, _ in figures[3:]] == ["speedup"] * 3


def test_int8_graph_of_another_export_is_refused(run: Path, models: Path, data: Split, tmp_path: Path) -> None:
    """As after more training."""
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    other = read_version(models / "digits-mlp/1")[1].float32
    (folder / INT8_FILE).write_bytes(compress(other, data, None).graph)
    with pytest.raises(CompressionError, match=r"model\.int8\.onnx was made of another graph: run .* compress"):
        publish(folder, tmp_path / "models", data)
    assert not (tmp_path / "models").exists()
