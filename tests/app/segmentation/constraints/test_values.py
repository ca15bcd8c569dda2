"""A trie accepts its values and nothing else."""

from __future__ import annotations

import itertools

from app.segmentation.constraints.automaton import accepts_text
from app.segmentation.constraints.values import trie


def test_values_alone_are_accepted() -> None:
    values = {"1", "12", "212", "/1", "2222"}
    automaton = trie(values)
    for length in range(6):
        for characters in itertools.product("12/", repeat=length):
            text = "".join(characters)
            assert accepts_text(automaton, text) == (text in values)
