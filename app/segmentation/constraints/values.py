"""A list of allowed texts as an automaton: a trie, whose states are its nodes."""

from __future__ import annotations

from collections.abc import Iterable

from app.segmentation.constraints.automaton import TransitionTable


def trie(values: Iterable[str]) -> TransitionTable:
    children: list[dict[str, int]] = [{}]
    ends = set()
    for value in values:
        node = 0
        for character in value:
            if character not in children[node]:
                children[node][character] = len(children)
                children.append({})
            node = children[node][character]
        ends.add(node)
    return TransitionTable(children, frozenset(ends))
