"""Automata that read a line's text character by character, and how several of them become one.

The search for the likeliest text (`app.segmentation.decoding.search`) keeps the state of one automaton with each path,
so it never follows a path that cannot be completed and needs no filter afterwards.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

State = Any  # hashable, never None; each automaton has its own kind
DIGITS = "0123456789"
ALPHABET = DIGITS + ".,:-+/()[]{}%= "  # the characters of all signs that are read


class Automaton(Protocol):
    """A deterministic automaton."""

    @property
    def start(self) -> Hashable: ...

    def step(self, state: State, character: str) -> State | None:
        """The state after one character; None if no text that is accepted goes on like this."""

    def accepts(self, state: State) -> bool:
        """Whether the text may end here."""


@dataclass(frozen=True)
class TransitionTable:
    """An automaton whose states are numbers from 0, the start."""

    transitions: Sequence[Mapping[str, int]]  # by state
    accepting: frozenset[int]
    start: int = 0

    def step(self, state: State, character: str) -> State | None:
        return self.transitions[state].get(character)

    def accepts(self, state: State) -> bool:
        return state in self.accepting


@dataclass(frozen=True)
class Every:
    """Accepts what all of several automata accept: their product."""

    automata: tuple[Automaton, ...]

    @property
    def start(self) -> Hashable:
        return tuple(automaton.start for automaton in self.automata)

    def step(self, state: State, character: str) -> State | None:
        after = []
        for automaton, own_state in zip(self.automata, state, strict=True):
            next_state = automaton.step(own_state, character)
            if next_state is None:
                return None
            after.append(next_state)
        return tuple(after)

    def accepts(self, state: State) -> bool:
        return all(automaton.accepts(own) for automaton, own in zip(self.automata, state, strict=True))


@dataclass(frozen=True)
class Either:
    """Accepts what at least one of several automata accepts. A state has None for each that cannot any more."""

    automata: tuple[Automaton, ...]

    @property
    def start(self) -> Hashable:
        return tuple(automaton.start for automaton in self.automata)

    def step(self, state: State, character: str) -> State | None:
        after = tuple(
            None if own is None else automaton.step(own, character)
            for automaton, own in zip(self.automata, state, strict=True)
        )
        return None if all(own is None for own in after) else after

    def accepts(self, state: State) -> bool:
        pairs = zip(self.automata, state, strict=True)
        return any(own is not None and automaton.accepts(own) for automaton, own in pairs)


@dataclass(frozen=True)
class Ignoring:
    """An automaton that does not see some characters."""

    automaton: Automaton
    ignored: frozenset[str]

    @property
    def start(self) -> Hashable:
        return self.automaton.start

    def step(self, state: State, character: str) -> State | None:
        return state if character in self.ignored else self.automaton.step(state, character)

    def accepts(self, state: State) -> bool:
        return self.automaton.accepts(state)


def of_digits(automaton: Automaton) -> Automaton:
    """Sees the digits alone, whatever marks stand between them."""
    return Ignoring(automaton, frozenset(ALPHABET) - frozenset(DIGITS))


def without_spaces(automaton: Automaton) -> Automaton:
    return Ignoring(automaton, frozenset(" "))


def accepts_text(automaton: Automaton, text: str) -> bool:
    state: State | None = automaton.start
    for character in text:
        state = automaton.step(state, character)
        if state is None:
            return False
    return automaton.accepts(state)
