"""The best paths through a line's lattice become its reading, with its certainty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Self

from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding.grammar import counts
from app.segmentation.decoding.lattice import SPECK, Edge, Lattice
from app.segmentation.decoding.ones import Ones
from app.segmentation.decoding.reading import Reading, ReadLine, Sign
from app.segmentation.decoding.search import Path, best_paths
from app.segmentation.decoding.weights import fitted_weights
from app.segmentation.line_strip import Placement

Agreement = Mapping[str, float]  # the score that a mark adds to a text that has it, by the page's other lines

COMPARED = 24  # readings among which the probability of the best one is found
VIOLATED = 0.01  # of the lines do not satisfy what is said of them
IMPOSSIBLE = 15.0  # score: a text so much worse than the best cannot be what stands there, whatever is said of it
NO_AGREEMENT: Agreement = MappingProxyType({})


class FoundPaths(NamedTuple):
    """The best paths through a line's lattice, whose scores count what is known of their texts."""

    likeliest: list[Path]
    satisfying: list[Path]  # what is said of the line: the same if nothing is

    @property
    def best(self) -> Path:
        return max(self.satisfying or self.likeliest, key=lambda path: path.score)

    def beside(self, ones: Ones) -> Self:
        """On a page with such ones."""
        return type(self)(*([path._replace(score=path.score + ones.score(path)) for path in paths] for paths in self))

    def read(self, placement: Placement, alternatives: int) -> ReadLine:
        """Of ranked paths the likeliest reading, and up to `alternatives` of the likeliest with their probabilities."""
        paths = self.satisfying or self.likeliest
        trust = trust_in_constraint(self.satisfying, self.likeliest)
        shares = softmax([path.score for path in paths])
        readings = [Reading(path.text, trust * share) for path, share in zip(paths, shares, strict=True)]
        signs = list(signs_of(paths, shares, placement))
        return ReadLine(signs, readings[0].probability, readings[:alternatives], satisfies=bool(self.satisfying))

    def ranked(self, agreement: Agreement) -> Self:
        """Paths with the best first. Of those that satisfy the constraint none are left if the best is impossible."""
        likeliest, satisfying = best_first(self.likeliest, agreement), best_first(self.satisfying, agreement)
        is_possible = satisfying and satisfying[0].score >= likeliest[0].score - IMPOSSIBLE
        return type(self)(likeliest, satisfying if is_possible else [])

    def digit_heights(self) -> list[float]:
        """Of ranked paths the heights of the likeliest reading's digits, in heights of the line's digits."""
        path = (self.satisfying or self.likeliest)[0]
        return [edge.segment.height for edge in path.edges if edge.kind == "digit"]


def find_paths(lattice: Lattice, alternatives: int, automaton: Automaton | None) -> FoundPaths:
    count = max(alternatives, COMPARED)
    nodes = lattice.outgoing(fitted_weights().signs)
    likeliest = with_text_scores(best_paths(nodes, count))
    return FoundPaths(likeliest, with_text_scores(best_paths(nodes, count, automaton)) if automaton else likeliest)


def with_text_scores(paths: Sequence[Path]) -> list[Path]:
    weights = fitted_weights().text.tolist()
    known = [sum(weight * n for weight, n in zip(weights, counts(path.text), strict=True)) for path in paths]
    return [path._replace(score=path.score + more) for path, more in zip(paths, known, strict=True)]


def best_first(paths: Sequence[Path], agreement: Agreement) -> list[Path]:
    """Sorted by their scores, to which each mark in a path's text adds what the page's other lines say of it."""
    agreed = [sum(more for mark, more in agreement.items() if mark in path.text) for path in paths]
    scored = [path._replace(score=path.score + more) for path, more in zip(paths, agreed, strict=True)]
    return sorted(scored, key=lambda path: path.score, reverse=True)


def trust_in_constraint(satisfying: Sequence[Path], likeliest: Sequence[Path]) -> float:
    """The probability, given the ink, that the line satisfies its constraints (Bayes).

    Without it a slip of the pen would be read, with certainty, as another text that satisfies them.
    """
    texts = {path.text for path in satisfying}
    others = [path for path in likeliest if path.text not in texts]
    if not satisfying or not others:
        return 1.0
    best = likeliest[0].score
    for_it = (1 - VIOLATED) * sum(math.exp(path.score - best) for path in satisfying)
    return for_it / (for_it + VIOLATED * sum(math.exp(path.score - best) for path in others))


def softmax(scores: Sequence[float]) -> list[float]:
    """Of scores of which the first is the greatest."""
    odds = [math.exp(score - scores[0]) for score in scores]
    return [one / sum(odds) for one in odds]


def signs_of(paths: Sequence[Path], shares: Sequence[float], placement: Placement) -> Iterator[Sign]:
    """The signs on the first path; a space of its text lies between the boxes of its neighbours.

    A sign is as certain as the readings that have it in its place, and no more than it is alone.
    """
    agreeing: Counter[tuple[int, int, str]] = Counter()
    for path, share in zip(paths, shares, strict=True):
        agreeing.update({place_of(edge): share for edge in path.edges})
    end, agreed, rest = 0, 0.0, paths[0].text
    for edge in paths[0].edges:
        left, top, width, height = edge.segment.box
        if edge.text and rest.startswith(" "):  # a gap, or what is no sign and has just been passed
            box = end, top, max(1, left - end), height
            yield Sign("space", " ", edge.space or agreed, placement.on_picture(box))
        if edge.text:
            rest = rest.lstrip().removeprefix(edge.text)
        if edge.kind == "other" and edge.segment.height < SPECK:
            continue
        agreed = agreeing[place_of(edge)]
        yield Sign(edge.kind, edge.text, min(edge.confidence, agreed), placement.on_picture(edge.segment.box))
        end = left + width


def place_of(edge: Edge) -> tuple[int, int, str]:
    """The same for the same sign at the same place, with a space before it or without."""
    return edge.segment.start, edge.segment.end, edge.text
