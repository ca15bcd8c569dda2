"""What counts as read correctly."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.adaptation.reader import Reader
from training.datasets.mnist import Digits, Split
from training.networks.from_onnx import model_from_version
from training.networks.sources import source_config


def test_a_digit_must_be_read_as_what_it_is_and_what_shows_none_must_not_be_accepted() -> None:
    rows = np.zeros((4, 10), np.float32)
    rows[0, 3] = 0.9  # a 3, certain
    rows[1, 3] = 0.2  # a 3, doubtful
    rows[2, 3] = 0.9  # no digit, accepted
    rows[3, 3] = 0.2  # no digit, refused
    reader = Reader(lambda images: rows, threshold=0.5)
    digits = Digits(np.zeros((4, 28, 28), np.uint8), np.array([3, 3, 10, 10], np.uint8))
    assert reader.is_right(digits).tolist() == [True, True, False, True]


def test_a_network_that_has_not_learnt_yet_reads_as_its_version(start: Path, data: Split) -> None:
    network = model_from_version(start, data.train.images[:500])
    version, reader = Reader.of_version(start), Reader.of_network(network, source_config(start), data.validation)
    assert np.array_equal(version.is_right(data.test), reader.is_right(data.test))
