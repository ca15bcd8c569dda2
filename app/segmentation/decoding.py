"""The lattice's best paths become the reading of a line, with its certainty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from app.segmentation.constraints.automaton import Automaton
from app.segmentation.grammar import log_prior
from app.segmentation.lattice import Edge, Path, best_paths
from app.segmentation.line_strip import Placement
from app.segmentation.reading import Reading, ReadLine, Sign

COMPARED = 24  # readings among which the probability of the best one is found
TEMPERATURE = 0.5  # of the paths' scores


def read_line(
    edges: Sequence[Sequence[Edge]], placement: Placement, alternatives: int, automaton: Automaton | None
) -> ReadLine:
    """The likeliest reading, and up to `alternatives` of the likeliest with their probabilities."""
    count = max(alternatives, COMPARED)
    paths = best_paths(edges, count, automaton)
    satisfies = bool(paths)
    paths = sorted(paths or best_paths(edges, count), key=path_score, reverse=True)
    readings = [Reading(path.text, share) for path, share in zip(paths, softmax(paths), strict=True)]
    signs = list(signs_of(paths[0], placement))
    return ReadLine(signs, readings[0].probability, readings[:alternatives], satisfies)


def path_score(path: Path) -> float:
    return path.score + log_prior(path.text)


def softmax(paths: Sequence[Path]) -> list[float]:
    best = path_score(paths[0])
    weights = [math.exp((path_score(path) - best) / TEMPERATURE) for path in paths]
    return [weight / sum(weights) for weight in weights]


def signs_of(path: Path, placement: Placement) -> Iterator[Sign]:
    """The signs on a path; a space lies between the boxes of its neighbours."""
    end = 0
    for edge in path.edges:
        left, top, width, height = edge.segment.box
        if edge.space:
            yield Sign("space", " ", edge.space, placement.on_picture((end, top, max(1, left - end), height)))
        yield Sign(edge.kind, edge.text, edge.confidence, placement.on_picture(edge.segment.box))
        end = left + width
