from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.evaluation.testsets import styles
from training.evaluation.testsets.style_templates import TEMPLATES, Stroke
from training.evaluation.testsets.styles import add_tremor, misplace, write_by_hand

WAYS = [
    pytest.param(template, id=f"{digit} {way}") for digit, ways in TEMPLATES.items() for way, template in ways.items()
]


def test_there_are_42_ways_and_at_least_three_for_each_digit() -> None:
    assert len(styles.writing_styles().variants) == 42
    assert sorted(TEMPLATES) == list(range(10))
    assert min(map(len, TEMPLATES.values())) == 3


def test_every_picture_shows_ink_and_has_the_digit_of_its_way(samples: Samples) -> None:
    for name, pictures in samples(styles.writing_styles(), 3).items():
        for file, label, _ in pictures:
            assert str(label) == name[0]
            assert np.ptp(np.asarray(Image.open(io.BytesIO(file)).convert("L"))) > 60


@pytest.mark.parametrize("template", WAYS)
def test_each_template_is_one_high(template: list[Stroke]) -> None:
    heights = [y for stroke in template for _, y in stroke]
    assert min(heights) == pytest.approx(0, abs=0.05)
    assert max(heights) == pytest.approx(1, abs=0.05)


def test_the_same_way_is_written_differently_each_time_but_never_by_much() -> None:
    rng = np.random.default_rng(0)
    bars = [write_by_hand(TEMPLATES[1]["bar"], rng)[0] for _ in range(30)]
    leans = [(bar[0, 0] - bar[-1, 0]) / (bar[-1, 1] - bar[0, 1]) for bar in bars]
    assert len(set(leans)) == 30
    assert -0.3 < min(leans) < 0.1
    assert 0.2 < max(leans) < 0.55


def test_a_way_keeps_its_strokes() -> None:
    rng = np.random.default_rng(0)
    assert len(write_by_hand(TEMPLATES[7]["plain"], rng)) == 1
    assert len(write_by_hand(TEMPLATES[7]["crossed"], rng)) == 2


def test_both_points_of_a_corner_move_together() -> None:
    points = misplace([(0, 0), (1, 0), (1, 0), (1, 1)], np.random.default_rng(0))
    assert points[1].tolist() == points[2].tolist() != [1, 0]


def test_a_tremor_moves_points_by_no_more_than_its_amplitude() -> None:
    line = np.column_stack([np.zeros(50), np.linspace(0, 1, 50)])
    moved = np.abs(add_tremor(line, 0.01, np.random.default_rng(0)) - line)
    assert 0.005 < moved.max() <= 0.01
