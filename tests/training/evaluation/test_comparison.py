"""Two graphs are compared on the same images, and the smaller one must pay."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from app.repository.manifest import GRAPH_FILE, Agreement
from tests.support.constant_model import graph_of
from training.datasets.mnist import Digits
from training.evaluation.comparison import Comparison, Pair, agree, compare, share_read, speed_metrics, survey
from training.evaluation.testsets import files, ood

PAYS = Comparison(
    size=Pair(700_000, 200_000),
    seconds={1: Pair(100e-6, 60e-6), 64: Pair(6e-3, 3e-3)},
    accuracy={"MNIST validation, 5,000": Pair(0.9960, 0.9955)},
    agreement=Agreement(data="5,000 images", equal_share=0.999, max_abs_difference=0.1),
)


def test_int8_that_is_fast_and_reads_as_well_pays() -> None:
    assert PAYS.objections() == []


def test_int8_that_is_hardly_faster_does_not_pay() -> None:
    slow = dataclasses.replace(PAYS, seconds={1: Pair(100e-6, 10e-6), 64: Pair(6e-3, 5.9e-3)})
    assert slow.objections() == ["in batches of 64 it is 1.02 times as fast, and 1.1 is required"]


def test_int8_that_reads_worse_does_not_pay() -> None:
    worse = dataclasses.replace(PAYS, accuracy={"synthetic pictures, 10,000": Pair(0.98, 0.975)})
    assert worse.objections() == ["of synthetic pictures, 10,000 it reads 0.50% less, and 0.1% is allowed"]


def test_table_has_a_row_for_each_figure() -> None:
    rows = str(PAYS).splitlines()
    assert [row.split() for row in rows[1:4]] == [
        ["float32", "int8"],
        ["bytes", "700,000", "200,000"],
        ["microseconds", "of", "a", "run", "of", "1", "100", "60", "1.67", "times", "as", "fast"],
    ]
    assert rows[5].split() == ["read", "of", "MNIST", "validation,", "5,000", "99.60%", "99.55%"]
    assert rows[6] == "99.90% of 5,000 images read the same, probabilities differ by up to 0.1"


def test_table_of_a_pruned_network_says_how_much_work_is_left() -> None:
    pruned = dataclasses.replace(PAYS, names=("before", "after"), multiply_adds=Pair(3_000_000, 1_500_000))
    assert [row.split() for row in str(pruned).splitlines()[1:4:2]] == [
        ["before", "after"],
        ["multiply-adds", "3,000,000", "1,500,000", "50%", "are", "left"],
    ]


def test_graphs_are_compared_on_the_same_images(models: Path, test_digits: Digits) -> None:
    """A real graph with one that reads every image as a 3."""
    digits = test_digits[:200]
    threes = float((digits.labels == 3).mean())
    comparison = compare((models / "digits-mlp/2" / GRAPH_FILE).read_bytes(), graph_of(3), {"MNIST": digits})
    float32, int8 = comparison.accuracy["MNIST, 200"]
    assert float32 > 0.95
    assert int8 == threes
    assert comparison.agreement.equal_share == pytest.approx(threes, abs=0.02)
    assert list(comparison.seconds) == [1, 8, 64]
    assert comparison.objections()


def test_remainder_to_one_is_read_as_no_digit() -> None:
    rows = np.array([[0.9, 0.0, 0.05], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]], np.float32)
    assert share_read(rows, np.array([0, 3, 2], np.uint8)) == pytest.approx(2 / 3)


def test_agreement_is_the_share_of_equal_digits_and_the_largest_difference() -> None:
    float32 = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], np.float32)
    int8 = np.array([[0.8, 0.2], [0.2, 0.8], [0.7, 0.3]], np.float32)
    agreement = agree(float32, int8, "three images")
    assert agreement.equal_share == pytest.approx(2 / 3)
    assert agreement.max_abs_difference == pytest.approx(0.3)


def test_speed_is_recorded_with_the_machine() -> None:
    first, last = speed_metrics(PAYS.seconds)
    assert first.value == pytest.approx(5 / 3)
    assert last.data.startswith("batches of 64, one thread, onnxruntime ")


def test_survey_has_a_line_for_each_test_set(models: Path, test_digits: Digits) -> None:
    graph = (models / "digits-mlp/2" / GRAPH_FILE).read_bytes()
    test_sets = [
        dataclasses.replace(test_set, pictures_per_variant=1)
        for test_set in (files.file_formats(test_digits), ood.noise())
    ]
    of_files, of_noise = survey(graph, graph_of(3), 0.5, test_digits[:100], test_sets)
    assert of_files.startswith("read of files, 29 ")
    assert of_noise.split() == ["refused", "of", "noise,", "8", *of_noise.split()[4:5], "0.00%"]
