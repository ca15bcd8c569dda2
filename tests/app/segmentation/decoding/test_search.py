"""The search is exact and bounded, on lattices of made-up scores."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from app.segmentation.constraints.automaton import State
from app.segmentation.constraints.values import trie
from app.segmentation.decoding.lattice import Edge
from app.segmentation.decoding.search import best_paths
from app.segmentation.oversegmentation import Segment

INK = np.zeros((1, 1), np.uint8)


@dataclass
class CountingAutomaton:
    """Its state is the whole text so far, so that no two paths share one. It counts its steps: one for each edge."""

    is_accepted: Callable[[str], bool]
    start: str = ""
    steps: list[str] = field(default_factory=list)

    def step(self, state: State, character: str) -> State | None:
        self.steps.append(character)
        return state + character

    def accepts(self, state: State) -> bool:
        return self.is_accepted(state)


def lattice_of(*places: dict[str, float]) -> list[list[Edge]]:
    """At each place one of several digits, with their scores."""
    nodes = [
        [
            Edge(Segment(place, place + 1, (0, 0, 1, 1), 1.0, INK), "digit", text, 0.9, score)
            for text, score in digits.items()
        ]
        for place, digits in enumerate(places)
    ]
    return [*nodes, []]


def doubtful(places: int) -> list[list[Edge]]:
    """Ten digits at each place, each a little less likely than the one before."""
    return lattice_of(*[{str(digit): -0.01 * digit for digit in range(10)}] * places)


@pytest.mark.parametrize("accepts", [lambda text: sum(map(int, text)) % 7 == 3, lambda text: text > "5"])
def test_texts_come_in_the_order_of_their_scores(accepts: Callable[[str], bool]) -> None:
    rng = np.random.default_rng(0)
    places = [{str(digit): float(rng.normal()) for digit in range(4)} for _ in range(4)]
    scores = {
        "".join(text): sum(place[digit] for place, digit in zip(places, text, strict=True))
        for text in itertools.product("0123", repeat=4)
    }
    expected = sorted(filter(accepts, scores), key=lambda text: -scores[text])[:5]
    assert [path.text for path in best_paths(lattice_of(*places), 5, CountingAutomaton(accepts))] == expected


def test_search_for_a_text_that_does_not_exist_ends() -> None:
    automaton = CountingAutomaton(lambda _: False)
    assert best_paths(doubtful(4), 1, automaton) == []
    assert len(automaton.steps) == 2000


def test_search_for_further_texts_ends_sooner() -> None:
    automaton = CountingAutomaton(lambda text: text == "0000")
    assert [path.text for path in best_paths(doubtful(4), 2, automaton)] == ["0000"]
    assert len(automaton.steps) == 4 + 500


@pytest.mark.parametrize(("score", "found"), [(-49.0, ["7", "8"]), (-51.0, ["7"])])
def test_text_that_is_hopelessly_less_likely_is_not_found(score: float, found: list[str]) -> None:
    edges = lattice_of({"7": 0.0, "8": score})
    assert [path.text for path in best_paths(edges, 2)] == found
    assert bool(best_paths(edges, 1, CountingAutomaton(lambda text: text == "8"))) == ("8" in found)


def written(*edges: tuple[str, float, float]) -> list[list[Edge]]:
    """One sign after the other: its text, empty for ink that is no sign, the probability of a space, its height."""
    nodes = [
        [
            Edge(
                Segment(place, place + 1, (place, 0, 1, 1), height, INK),
                "digit" if text else "other",
                text,
                0.9,
                0.0,
                space,
            )
        ]
        for place, (text, space, height) in enumerate(edges)
    ]
    return [*nodes, []]


DIGIT, SPACED, SYMBOL, SPECK = ("7", 0.0, 1.0), ("7", 0.9, 1.0), ("", 0.0, 0.8), ("", 0.0, 0.1)


@pytest.mark.parametrize(
    ("edges", "text"),
    [
        ([DIGIT, SPACED], "7 7"),
        ([SYMBOL, SPACED], "7"),
        ([DIGIT, SYMBOL], "7"),
        ([DIGIT, SYMBOL, DIGIT], "7 7"),
        ([DIGIT, SYMBOL, SYMBOL, SPACED], "7 7"),
        ([DIGIT, SPECK, DIGIT], "77"),
        ([SYMBOL, DIGIT, DIGIT], "77"),
    ],
)
def test_spaces_stand_between_signs_and_where_ink_that_is_no_sign_does(
    edges: list[tuple[str, float, float]], text: str
) -> None:
    (path,) = best_paths(written(*edges), 2)
    assert path.text == text


def test_what_stands_between_two_digits_is_passed_over_where_no_space_is_allowed() -> None:
    edges = written(DIGIT, SYMBOL, DIGIT)
    assert [path.text for path in best_paths(edges, 1, trie(["77"]))] == ["77"]
    assert [path.text for path in best_paths(edges, 1, trie(["7 7"]))] == ["7 7"]
