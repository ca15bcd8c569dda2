"""The weights by which the most lines are read right."""

from __future__ import annotations

import json

import numpy as np

from app.segmentation.decoding.grammar import COUNTED
from app.segmentation.decoding.lattice import MEASURES, PLACE, Lattice
from app.segmentation.decoding.search import best_paths
from app.segmentation.decoding.weights import Weights, fitted_weights, to_json
from app.segmentation.oversegmentation import Segment
from training.line_decoding.fitting import SET_BY_HAND, LabelledLine, Risk, adjusted, fit_weights, least_risk

SEGMENT = Segment(0, 1, (0, 0, 20, 40), 1.0, np.zeros((40, 20), np.uint8))


def line_of_one_sign(true: str, other: str, **advantages: float) -> LabelledLine:
    """`advantages`: of the other reading, by the name of the measure."""
    rows = np.zeros((2, len(MEASURES)))
    for name, advantage in advantages.items():
        rows[1, PLACE[name.replace("_", " ")]] = advantage
    return LabelledLine(Lattice([SEGMENT] * 2, [int(true), int(other)], [0.5] * 2, [0.0] * 2, rows, 2), true)


def read(line: LabelledLine, weights: Weights) -> str:
    return best_paths(line.lattice.outgoing(weights.signs), 1)[0].text


def test_the_measure_that_tells_right_from_wrong_decides() -> None:
    """The model likes each wrong reading a little better, but it crosses more ink."""
    lines = [line_of_one_sign("1", "7", model=0.5 + 0.1 * (n % 3), crossed=0.3) for n in range(30)]
    *_, weights = fit_weights(lines)
    assert [read(line, weights) for line in lines] == ["1"] * 30


def test_a_hopeless_line_does_not_spoil_the_others() -> None:
    lines = [line_of_one_sign("1", "7", crossed=0.3) for _ in range(30)]
    hopeless = line_of_one_sign("1", "7", crossed=-2.0)
    *_, weights = fit_weights([*lines, hopeless])
    assert all(read(line, weights) == "1" for line in lines)


def test_risk_is_the_expected_number_of_lines_read_wrong_and_has_its_gradient() -> None:
    rng = np.random.default_rng(0)
    risk = Risk([rng.normal(size=(n, 4)) for n in (3, 5, 2)])
    weights = rng.normal(size=4)
    value, gradient = risk(weights)
    assert -3 < value < 0
    steps = np.eye(4) * 1e-6
    numeric = [(risk(weights + step)[0] - risk(weights - step)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


def test_probabilities_are_as_sure_as_they_are_right() -> None:
    """Nine of ten times the measure is right."""
    right, wrong = np.array([[0.0], [-1.0]]), np.array([[0.0], [1.0]])
    risk = Risk([right] * 90 + [wrong] * 10)
    fitted = least_risk(risk, np.array([20.0]))
    best = np.maximum.reduceat(risk.probabilities(fitted), risk.first)
    assert abs(best.mean() - 0.9) < 0.03


def test_weights_set_by_hand_are_those_of_the_service() -> None:
    """What is fitted anew has them too."""
    fitted = Weights(np.ones(len(MEASURES)), np.ones(len(COUNTED)))
    new, served = (json.loads(to_json(weights)) for weights in (adjusted(fitted), fitted_weights()))
    assert new["signs"]["model"] == new["text"]["two marks"] == 1.25
    for name, weight in SET_BY_HAND.items():
        part = "signs" if name in MEASURES else "text"
        assert new[part][name] == served[part][name] == weight
