"""A user's pictures become images as the service prepares them, counted and described."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from app.repository.manifest import read_version
from tests.support.digit_pages import digit_page
from tests.support.pictures import encode, enlarged
from training.datasets.mnist import Digits
from training.datasets.own_pictures import load_own_pictures, make_own_pictures, read_contents
from training.errors import DataError, RunError

MODELS = Path(__file__).parents[3] / "models"


def no_model() -> Model:
    raise AssertionError("only pictures of several digits need a model")


def real_model() -> Model:
    return Model(read_version(MODELS / "digits/7")[1].float32, device="cpu")


def save(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def source(test_digits: Digits, tmp_path: Path) -> Path:
    """Ten digits as users send them, and a scribble."""
    for index in range(10):
        content = encode(enlarged(test_digits.images[index]))
        save(content, tmp_path / f"source/{test_digits.labels[index]}/{index}.png")
    scribble = np.full((80, 80), 255, np.uint8)
    cv2.polylines(scribble, [np.random.default_rng(0).integers(5, 75, (9, 2), np.int32)], False, (0,), 3)
    save(encode(scribble), tmp_path / "source/none/scribble.png")
    return tmp_path / "source"


def test_each_picture_becomes_the_image_that_the_service_would_read(source: Path, tmp_path: Path) -> None:
    make_own_pictures(source, tmp_path / "mine", no_model)
    own = load_own_pictures(tmp_path / "mine")
    files = sorted(source.rglob("*.png"))
    assert len(own) == len(files) == 11
    for file, image, label in zip(files, own.images, own.labels, strict=True):
        assert np.array_equal(image, to_image(open_picture(file.read_bytes(), 10**6)))
        assert ("none" if label == 10 else str(label)) == file.parent.name


def test_contents_are_counted_from_what_is_there(source: Path, tmp_path: Path) -> None:
    preparation = make_own_pictures(source, tmp_path / "mine", no_model)
    contents = read_contents(tmp_path / "mine")
    assert contents == preparation.contents
    assert (contents["pictures"], contents["images"], contents["not_used"]) == (11, 11, 0)
    assert sum(contents["labels"].values()) == 11
    assert contents["labels"]["none"] == 1
    assert contents["sha256"] == hashlib.sha256((tmp_path / "mine/images.npz").read_bytes()).hexdigest()
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["contents.json", "images.npz"]


def test_bad_pictures_are_named_and_skipped(source: Path, tmp_path: Path) -> None:
    save(b"no picture", source / "3/bad.png")
    save(encode(np.full((50, 50), 255, np.uint8)), source / "4/blank.png")
    original = next((source / "7").iterdir())
    save(original.read_bytes(), source / "1/copy.png")
    preparation = make_own_pictures(source, tmp_path / "mine", no_model)
    assert preparation.contents["not_used"] == 3
    bad, blank, copy = (
        next(problem for problem in preparation.problems if name in problem)
        for name in ("3/bad.png", "4/blank.png", f"7/{original.name}")
    )
    assert "PNG, JPEG" in bad
    assert "no ink" in blank
    assert "copy.png" in copy
    assert "same picture" in copy


def test_pictures_of_several_digits_are_cut_where_as_many_are_found_as_told(
    test_digits: Digits, tmp_path: Path
) -> None:
    labels = "".join(map(str, test_digits.labels[:4]))
    save(encode(digit_page(test_digits, [[0, 1, 2, 3]])), tmp_path / "right.png")
    save(encode(digit_page(test_digits, [[4, 5, 6]])), tmp_path / "wrong.png")
    (tmp_path / "labels.csv").write_text(f"file,label\nright.png,{labels}\nwrong.png,4149\n")
    preparation = make_own_pictures(tmp_path / "labels.csv", tmp_path / "mine", real_model)
    own = load_own_pictures(tmp_path / "mine")
    assert own.labels.tolist() == test_digits.labels[:4].tolist()
    assert len(set(own.pictures.tolist())) == 1
    assert real_model().run(own.images).argmax(axis=1).tolist() == own.labels.tolist()
    assert preparation.contents["of_several_digits"] == 1
    (problem,) = preparation.problems
    assert "wrong.png: 3 digits were found on it, and not 4" in problem


def test_nothing_usable_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    save(b"no picture", tmp_path / "source/3/bad.png")
    with pytest.raises(DataError, match=r"nothing in .* can be used: .*bad\.png"):
        make_own_pictures(tmp_path / "source", tmp_path / "mine", no_model)
    assert not (tmp_path / "mine").exists()


def test_pictures_that_are_there_are_not_overwritten(source: Path, tmp_path: Path) -> None:
    make_own_pictures(source, tmp_path / "mine", no_model)
    with pytest.raises(RunError, match="holds pictures already"):
        make_own_pictures(source, tmp_path / "mine", no_model)


def test_damaged_pictures_are_refused(source: Path, tmp_path: Path) -> None:
    make_own_pictures(source, tmp_path / "mine", no_model)
    contents = read_contents(tmp_path / "mine")
    (tmp_path / "mine/contents.json").write_text(json.dumps(contents | {"sha256": "0"}))
    with pytest.raises(DataError, match="sha256 differs"):
        load_own_pictures(tmp_path / "mine")
    with pytest.raises(DataError, match="pictures --from"):
        load_own_pictures(tmp_path)
