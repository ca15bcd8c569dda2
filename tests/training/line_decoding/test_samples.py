"""Segments get the right names."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.session import Model
from app.segmentation.decoding.kinds import MARK, OTHER, network
from tests.conftest import NEWEST, ROOT
from training.evaluation.pages import LAYOUTS
from training.line_decoding.documents import KnownDocument, of_page, of_sheet, photographs
from training.line_decoding.samples import LABELS, Aligner, aligned, labels_of, overlap, samples_of_line
from training.line_decoding.written_lines import HARD, NOTHING, WrittenSign
from training.synthesis.glyphs import Sources

SEVEN, POINT = WrittenSign("7", (10, 10, 20, 40)), WrittenSign(".", (40, 46, 4, 4))


def test_boxes_overlap_by_their_common_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == 1 / 3
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_segments_are_what_they_cover() -> None:
    whole, half, point, both = (10, 10, 20, 40), (10, 10, 8, 40), (40, 46, 4, 4), (10, 10, 34, 40)
    assert labels_of([whole, half, point, both], [SEVEN, POINT]) == [7, OTHER, LABELS["."], OTHER]


def test_segment_that_covers_a_sign_best_is_the_sign() -> None:
    """A cut through digits that touch leaves one of them something of the other."""
    assert labels_of([(10, 10, 30, 40), (10, 10, 5, 40)], [SEVEN]) == [7, OTHER]


def test_what_is_almost_a_sign_is_no_sample() -> None:
    assert labels_of([(10, 10, 20, 40), (10, 10, 28, 40)], [SEVEN]) == [7, None]


def test_lines_give_samples_of_signs_and_of_none(sources: Sources) -> None:
    found = [part for seed in range(20) for part in samples_of_line(sources, np.random.default_rng(seed))]
    assert {*range(10), OTHER} < {*np.concatenate([samples.labels for samples in found]).tolist()}
    assert all(len(samples.features) == len(samples.labels) for samples in found)


@pytest.fixture(scope="module")
def reader() -> Model:
    return Model((ROOT / f"models/digits/{NEWEST}/model.onnx").read_bytes(), "cpu")


@pytest.fixture(scope="module")
def touching(sources: Sources) -> list[KnownDocument]:
    pages = (of_page(sources.digits, LAYOUTS["two of them touch"], np.random.default_rng(seed)) for seed in range(10))
    return [page for page in pages if page]


def test_true_text_is_found_on_a_line(touching: list[KnownDocument], reader: Model) -> None:
    """Its signs stand beside each other, from the left to the right, and any other number's do not."""
    found: list[str] = []
    for page in touching:
        for lattice, text in zip(page.lattices(reader, network()), page.texts, strict=True):
            signs = aligned(lattice, text)
            found.append("".join(sign.text for sign in signs if sign.text != NOTHING))
            assert found[-1] in {text, ""}
            assert [sign.box[0] for sign in signs] == sorted(sign.box[0] for sign in signs)
            assert aligned(lattice, f"{text}00000") == []
    assert sum(map(bool, found)) > 0.9 * len(found)


def test_pages_give_samples_of_signs_and_of_none(touching: list[KnownDocument], reader: Model) -> None:
    rng = np.random.default_rng(0)
    found = [samples for page in touching for samples in Aligner(reader, network()).samples(page, rng)]
    labels = np.concatenate([samples.labels for samples in found])
    assert OTHER in labels
    assert (labels < MARK).sum() > 0.9 * sum(len(text) for page in touching for text in page.texts)


def test_photographs_are_of_written_lines(sources: Sources) -> None:
    found = [of_sheet(kind, 1) for kind in photographs(sources, HARD)[::3]]
    assert sum(page is not None for page in found) >= 3
    assert all(len(page.document.lines) == len(page.texts) for page in found if page)
