"""The lattice's best paths become the reading of a line, with its certainty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding.grammar import log_prior
from app.segmentation.decoding.lattice import Edge
from app.segmentation.decoding.reading import Reading, ReadLine, Sign
from app.segmentation.decoding.search import Path, best_paths
from app.segmentation.line_strip import Placement

COMPARED = 24  # readings among which the probability of the best one is found
VIOLATED = 0.01  # of the lines do not satisfy what is said of them
SPECK = 0.2  # heights: a lower segment that is no mark is dust
TEMPERATURE = 0.5  # of the paths' scores


def read_line(
    edges: Sequence[Sequence[Edge]], placement: Placement, alternatives: int, automaton: Automaton | None
) -> ReadLine:
    """The likeliest reading, and up to `alternatives` of the likeliest with their probabilities."""
    count = max(alternatives, COMPARED)
    likeliest = best_paths(edges, count)
    satisfying = best_paths(edges, count, automaton) if automaton else likeliest
    paths = sorted(satisfying or likeliest, key=path_score, reverse=True)
    trust = trust_in_constraint(satisfying, likeliest)
    readings = [Reading(path.text, trust * share) for path, share in zip(paths, softmax(paths), strict=True)]
    signs = list(signs_of(paths[0], placement))
    return ReadLine(signs, readings[0].probability, readings[:alternatives], satisfies=bool(satisfying))


def trust_in_constraint(satisfying: Sequence[Path], likeliest: Sequence[Path]) -> float:
    """The probability, given the ink, that the line satisfies its constraints (Bayes).

    Without it a slip of the pen would be read, with certainty, as another text that satisfies them.
    """
    texts = {path.text for path in satisfying}
    others = [path for path in likeliest if path.text not in texts]
    if not satisfying or not others:
        return 1.0
    best = max(map(path_score, likeliest))
    for_it = (1 - VIOLATED) * sum(weights(satisfying, best))
    return for_it / (for_it + VIOLATED * sum(weights(others, best)))


def path_score(path: Path) -> float:
    return path.score + log_prior(path.text)


def softmax(paths: Sequence[Path]) -> list[float]:
    """Of paths whose best stands first."""
    shares = weights(paths, path_score(paths[0]))
    return [share / sum(shares) for share in shares]


def weights(paths: Sequence[Path], best: float) -> list[float]:
    return [math.exp((path_score(path) - best) / TEMPERATURE) for path in paths]


def signs_of(path: Path, placement: Placement) -> Iterator[Sign]:
    """The signs on a path; a space lies between the boxes of its neighbours."""
    end = 0
    for edge in path.edges:
        left, top, width, height = edge.segment.box
        if edge.space:
            yield Sign("space", " ", edge.space, placement.on_picture((end, top, max(1, left - end), height)))
        if edge.kind == "other" and edge.segment.height < SPECK:
            continue
        yield Sign(edge.kind, edge.text, edge.confidence, placement.on_picture(edge.segment.box))
        end = left + width
