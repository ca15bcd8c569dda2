"""The n best paths through a lattice, whose edges' scores are logarithms of probabilities.

They are found by best-first search (A*). The score of the best completion of each node, found first from the end of
the line to its beginning (Viterbi), is an exact bound: the search opens little else than the n best paths and needs no
beam. Under an automaton it searches pairs of a node and a state, and the bound still holds. But it counts completions
that the automaton forbids too, so that a search for a text that is far from the likeliest opens many paths in vain: it
ends after `MAX_EXPANSIONS`, and the line counts as one that cannot satisfy the automaton.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding.lattice import SPECK, Edge

HOPELESS = 50.0  # a text so much less likely than the likeliest is not looked for
MAX_EXPANSIONS = 2000  # of the search, until it finds a text that the automaton accepts: 20 ms,
MORE_EXPANSIONS = 500  # and after that for all others


class Path(NamedTuple):
    """A way from the first cut to the last.

    A space stands in its text between signs alone, and wherever ink that is no sign lies between two.
    """

    score: float
    edges: list[Edge]
    text: str


class Step(NamedTuple):
    """The end of a partial path."""

    score: float
    node: int
    state: Hashable
    text: str
    edge: Edge | None
    before: Step | None
    is_apart: bool = False  # whether the next sign is no neighbour of the text's last: ink that is no sign lies between


def best_paths(edges: Sequence[Sequence[Edge]], count: int, automaton: Automaton | None = None) -> list[Path]:
    """The best path of each of the `count` likeliest texts, the best first; fewer if there are no more.

    Texts less likely than the likeliest of all by `HOPELESS` do not count.
    """
    return list(itertools.islice(search(rank_edges(edges), count, automaton), count))


def rank_edges(edges: Sequence[Sequence[Edge]]) -> list[list[tuple[float, Edge]]]:
    """For each node its edges that are on no hopeless path alone, each with the best score from there to the end."""
    before, after = best_beginnings(edges), best_completions(edges)
    ranked: list[list[tuple[float, Edge]]] = []
    for beginning, outgoing in zip(before, edges, strict=True):
        least = after[0] - HOPELESS - beginning
        scored = [(edge.score + after[edge.segment.end], edge) for edge in outgoing]
        ranked.append(sorted([pair for pair in scored if pair[0] >= least], key=lambda pair: -pair[0]))
    return ranked


def best_beginnings(edges: Sequence[Sequence[Edge]]) -> list[float]:
    """For each node the score of the best path from the beginning of the line to it."""
    best = [0.0] + [-math.inf] * (len(edges) - 1)
    for node, outgoing in enumerate(edges):
        for edge in outgoing:
            best[edge.segment.end] = max(best[edge.segment.end], best[node] + edge.score)
    return best


def best_completions(edges: Sequence[Sequence[Edge]]) -> list[float]:
    """For each node the score of the best path from it to the end of the line."""
    best = [-math.inf] * (len(edges) - 1) + [0.0]
    for node in range(len(edges) - 2, -1, -1):
        best[node] = max((edge.score + best[edge.segment.end] for edge in edges[node]), default=-math.inf)
    return best


def search(ranked: Sequence[Sequence[tuple[float, Edge]]], count: int, automaton: Automaton | None) -> Iterator[Path]:
    """Complete paths, the best first. `ranked`: a node's edges with the score of the best path through each."""
    order = itertools.count()  # decides between equals, which must not be compared further
    seen: set[tuple[int, str, bool]] = set()
    visits: Counter[tuple[int, Hashable]] = Counter()
    queue: list[tuple[float, int, Step, int]] = []
    least = ranked[0][0][0] - HOPELESS if ranked[0] else 0.0

    def add(step: Step, index: int) -> None:
        """A partial path and the next of its edges to try."""
        if index < len(ranked[step.node]) and step.score + ranked[step.node][index][0] >= least:
            heapq.heappush(queue, (-step.score - ranked[step.node][index][0], next(order), step, index))

    add(Step(0.0, 0, automaton.start if automaton else None, "", None, None), 0)
    left, last = MAX_EXPANSIONS, len(ranked) - 1
    while queue and left:
        left -= 1
        _, _, before, index = heapq.heappop(queue)
        add(before, index + 1)
        step = step_over(before, ranked[before.node][index][1], automaton)
        if step is None or key_of(step, last) in seen or visits[step.node, step.state] >= count:
            continue
        seen.add(key_of(step, last))
        if step.node < last:
            visits[step.node, step.state] += 1
            add(step, 0)
        elif automaton is None or automaton.accepts(step.state):
            left = min(left, MORE_EXPANSIONS)
            yield path_to(step)


def key_of(step: Step, last: int) -> tuple[int, str, bool]:
    """What further steps depend on, besides the automaton's state."""
    return step.node, step.text, step.is_apart and step.node < last


def step_over(before: Step, edge: Edge, automaton: Automaton | None) -> Step | None:
    """None if the automaton forbids it."""
    score, text, state = before.score + edge.score, before.text, before.state
    if edge.kind == "other":
        is_apart = before.is_apart or (bool(text) and edge.segment.height >= SPECK)
        return Step(score, edge.segment.end, state, text, edge, before, is_apart)
    is_spaced = bool(text) and (edge.space > 0 or (before.is_apart and allows(automaton, state, " ")))
    characters = f" {edge.text}" if is_spaced else edge.text
    for character in characters if automaton else "":
        state = automaton.step(state, character) if automaton else None
        if state is None:
            return None
    return Step(score, edge.segment.end, state, text + characters, edge, before)


def allows(automaton: Automaton | None, state: Hashable, character: str) -> bool:
    return automaton is None or automaton.step(state, character) is not None


def path_to(step: Step) -> Path:
    edges = []
    last: Step | None = step
    while last is not None and last.edge is not None:
        edges.append(last.edge)
        last = last.before
    return Path(step.score, edges[::-1], step.text)
