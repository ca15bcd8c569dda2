from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from training.datasets import mnist
from training.datasets.mnist import Digits, Split, load_mnist, load_test_digits, parse_idx, to_idx
from training.errors import DataError

TEST_DIGITS = Path(__file__).parents[2] / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the test digits that a test may damage."""
    return Path(shutil.copytree(TEST_DIGITS, tmp_path / "mnist"))


def test_the_test_digits_are_ten_thousand_images_with_a_label_each(test_digits: Digits) -> None:
    assert test_digits.images.shape == (10_000, 28, 28)
    assert test_digits.images.dtype == np.uint8
    assert test_digits.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_files_may_be_plain_or_gzipped(folder: Path, test_digits: Digits) -> None:
    zipped = folder / "t10k-images-idx3-ubyte.gz"
    zipped.with_suffix("").write_bytes(gzip.decompress(zipped.read_bytes()))
    zipped.unlink()
    assert np.array_equal(load_test_digits(folder).images, test_digits.images)


def test_a_missing_file_is_one_line_that_says_where_to_put_it(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        load_test_digits(folder)
    assert str(caught.value).startswith(f"t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz) is not in {folder}")
    assert "--data-dir or MNIST_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_truncated_file_is_one_line_that_says_download_it_again(folder: Path, cut: int) -> None:
    zipped = folder / "t10k-labels-idx1-ubyte.gz"
    zipped.write_bytes(zipped.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"^t10k-labels-idx1-ubyte .* download it again$"):
        load_test_digits(folder)


def test_a_file_damaged_inside_its_compression_is_refused(folder: Path) -> None:
    zipped = folder / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(zipped.read_bytes())
    content[2000] ^= 1
    zipped.write_bytes(content)
    with pytest.raises(DataError, match="download it again"):
        load_test_digits(folder)


def test_one_wrong_label_is_refused(folder: Path) -> None:
    zipped = folder / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(zipped.read_bytes()))
    content[-1] ^= 1
    zipped.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match="damaged"):
        load_test_digits(folder)


def test_the_environment_names_the_folder_when_no_option_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_DIR", str(folder))
    with pytest.raises(DataError, match=rf"train-images-idx3-ubyte.* is not in {folder}"):
        load_mnist()


def test_no_source_at_all_is_one_line_that_names_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_folder: Path) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnist, "download_from_keras", unreachable)
    monkeypatch.setattr(mnist, "unpack_from_npm", unreachable)
    with pytest.raises(DataError) as caught:
        load_mnist()
    message = str(caught.value)
    assert message.count("no route to host") == 2
    assert "--data-dir or MNIST_DIR" in message
    assert "\n" not in message


def test_idx_survives_a_round_trip() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(parse_idx(to_idx(array)), array)


def test_each_training_digit_is_left_out_of_one_fold(test_digits: Digits) -> None:
    numbered = Digits(test_digits.images[:10], np.arange(10, dtype=np.uint8))
    split = Split(numbered, test_digits[10:12], test_digits[12:14])
    folds = [split.without_fold((number, 3)) for number in (1, 2, 3)]
    assert [fold.train.labels.tolist() for fold in folds] == [
        [1, 2, 4, 5, 7, 8],
        [0, 2, 3, 5, 6, 8, 9],
        [0, 1, 3, 4, 6, 7, 9],
    ]
    assert all(fold.validation is split.validation for fold in folds)
    assert split.without_fold(None) is split
