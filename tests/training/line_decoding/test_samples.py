"""Segments get the right names."""

from __future__ import annotations

import numpy as np

from app.segmentation.decoding.kinds import DIGIT, NONE
from training.line_decoding.samples import LABELS, labels_of, overlap, samples_of_line
from training.line_decoding.written_lines import WrittenSign
from training.synthesis.glyphs import Sources

SEVEN, POINT = WrittenSign("7", (10, 10, 20, 40)), WrittenSign(".", (40, 46, 4, 4))


def test_boxes_overlap_by_their_common_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == 1 / 3
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_segments_are_what_they_cover() -> None:
    whole, half, point, both = (10, 10, 20, 40), (10, 10, 8, 40), (40, 46, 4, 4), (10, 10, 34, 40)
    assert labels_of([whole, half, point, both], [SEVEN, POINT]) == [DIGIT, NONE, LABELS["."], NONE]


def test_segment_that_covers_a_sign_best_is_the_sign() -> None:
    """A cut through digits that touch leaves one of them something of the other."""
    assert labels_of([(10, 10, 30, 40), (10, 10, 5, 40)], [SEVEN]) == [DIGIT, NONE]


def test_what_is_almost_a_sign_is_no_sample() -> None:
    assert labels_of([(10, 10, 20, 40), (10, 10, 28, 40)], [SEVEN]) == [DIGIT, None]


def test_lines_give_samples_of_signs_and_of_none(sources: Sources) -> None:
    found = [samples_of_line(sources, np.random.default_rng(seed)) for seed in range(20)]
    labels = np.concatenate([samples.labels for samples in found if samples])
    assert {DIGIT, NONE} < set(labels.tolist())
    assert all(len(samples.features) == len(samples.labels) for samples in found if samples)
