"""The certainty of a reading, with and without a constraint that it must satisfy."""

from __future__ import annotations

import numpy as np

from app.segmentation.constraints.automaton import accepts_text
from app.segmentation.constraints.checksums import CHECKSUMS
from app.segmentation.constraints.constraints import Constraints
from app.segmentation.decoding.decoder import find_paths
from app.segmentation.decoding.kinds import OTHER
from app.segmentation.decoding.lattice import MEASURES, PLACE, Lattice
from app.segmentation.decoding.reading import ReadLine
from app.segmentation.decoding.weights import fitted_weights
from app.segmentation.line_strip import Placement
from app.segmentation.oversegmentation import Segment
from tests.support.drawn_strips import empty

PLACEMENT = Placement(0.0, 0.0, 1.0, 0, np.eye(3))


def line(*places: dict[str, float], **constraints: object) -> ReadLine:
    """The reading of signs side by side, each with the probabilities of its digits."""
    segments = [Segment(place, place + 1, (10 * place, 0, 8, 40), 1.0, empty(8)) for place in range(len(places))]
    signs = [
        (segment, int(digit), share)
        for segment, shares in zip(segments, places, strict=True)
        for digit, share in shares.items()
    ]
    rows = np.zeros((len(signs), len(MEASURES)))
    rows[:, PLACE["model"]] = np.log([share for *_, share in signs]) / fitted_weights().signs[PLACE["model"]]
    of_segments, digits, confidences = (list(values) for values in zip(*signs, strict=True))
    lattice = Lattice(of_segments, digits, confidences, [0.0] * len(signs), rows, len(places) + 1)
    return find_paths(lattice, 2, Constraints.model_validate(constraints).automaton()).read(PLACEMENT, 2)


def test_constraint_decides_a_doubtful_digit_and_the_reading_becomes_certain() -> None:
    doubtful = [{"1": 0.99}, {"7": 0.5, "1": 0.45}]
    free, constrained = line(*doubtful), line(*doubtful, values=["11", "22"])
    assert (free.text, constrained.text) == ("17", "11")
    assert free.confidence < 0.7
    assert constrained.confidence > 0.9


def test_constraint_against_clear_ink_is_not_trusted() -> None:
    """A slip of the pen, or another number than was said, must not be accepted as one that satisfies."""
    clear = line({"1": 0.999}, {"7": 0.999, "1": 0.001}, values=["11"])
    assert clear.text == "11"
    assert clear.satisfies
    assert clear.confidence < 0.1


def doubtful_line(number: str, rng: np.random.Generator) -> list[dict[str, float]]:
    """As a model sees it that is right about each digit as often as it says."""
    places = []
    for digit in number:
        certainty = float(rng.uniform(0.6, 1))
        other = str((int(digit) + int(rng.integers(1, 10))) % 10)
        seen, unseen = (digit, other) if rng.random() < certainty else (other, digit)
        places.append({seen: certainty, unseen: 1 - certainty})
    return places


def test_check_digits_more_than_halve_the_errors_of_doubtful_lines() -> None:
    rng = np.random.default_rng(0)
    numbers = [str(number) for number in range(1000, 1_000_000, 997) if accepts_text(CHECKSUMS["luhn"], str(number))]
    lines = [(number, doubtful_line(number, rng)) for number in numbers]
    free = sum(line(*places).text != number for number, places in lines)
    checked = sum(line(*places, check="luhn").text != number for number, places in lines)
    assert free > len(lines) / 2
    assert checked < free / 2


def test_hopeless_text_is_not_looked_for() -> None:
    reading = line({"1": 0.999, "2": 1e-20}, {"7": 0.999, "1": 1e-20}, values=["21"])
    assert (reading.text, reading.satisfies) == ("17", False)


def test_line_that_cannot_satisfy_is_read_without_the_constraint() -> None:
    reading = line({"1": 0.9}, {"7": 0.9}, length=3)
    assert (reading.text, reading.satisfies) == ("17", False)


def test_ink_that_is_no_sign_is_one_of_kind_other_unless_it_is_dust() -> None:
    def signs(height: float) -> list[str]:
        segments = [Segment(0, 1, (0, 0, 8, 40), 1.0, empty(8)), Segment(1, 2, (10, 0, 8, 40), height, empty(8))]
        rows = np.zeros((2, len(MEASURES)))
        lattice = Lattice(segments, [7, OTHER], [0.99, 0.99], [0.0, 0.0], rows, 3)
        return [sign.kind for sign in find_paths(lattice, 1, None).read(PLACEMENT, 1).signs]

    assert signs(0.3) == ["digit", "other"]
    assert signs(0.1) == ["digit"]
