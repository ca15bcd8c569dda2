"""A subset of regular expressions as an automaton: it always describes the whole text.

    alternatives = sequence { "|" sequence }
    sequence     = repeated { repeated }
    repeated     = atom [ "?" | "*" | "+" | "{n}" | "{n,}" | "{n,m}" ]
    atom         = character | "." | "\\d" | "\\s" (a space) | "\\" character | "[" ranges "]" | "(" alternatives ")"

pattern -> syntax tree -> position automaton -> subset construction -> transition table

Source: Glushkov, "The abstract theory of automata", 1961: each character class is a position, and a state is the set of
positions that may be read next.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from app.segmentation.constraints.automaton import ALPHABET, DIGITS, TransitionTable

MAX_LENGTH = 200  # characters of a pattern
MAX_POSITIONS = 100  # characters and classes, with repeats written out
MAX_STATES = 200  # of the automaton: `.*1.{20}` alone would need a million
MAX_REPEATS = 100
MAX_DEPTH = 50  # of groups within groups: the parser calls itself five times for each, and Python stops at 1,000 calls
QUANTIFIERS = {"?": (0, 1), "*": (0, None), "+": (1, None)}
ESCAPES = {"d": DIGITS, "s": " "}


class PatternError(ValueError):
    """The pattern is outside of the subset, or too large. The message names the character and its place."""


class Characters(NamedTuple):
    """One of several characters."""

    members: frozenset[str]


class Sequence(NamedTuple):
    items: list[Node]


class Alternatives(NamedTuple):
    choices: list[Node]


class Repeat(NamedTuple):
    item: Node
    least: int
    most: int | None  # None: without end


Node = Characters | Sequence | Alternatives | Repeat


@functools.lru_cache(maxsize=32)  # a table of the largest size takes half a megabyte
def compile_pattern(
    pattern: str, max_length: int = MAX_LENGTH, max_positions: int = MAX_POSITIONS, max_states: int = MAX_STATES
) -> TransitionTable:
    """Raises `PatternError`."""
    if not 1 <= len(pattern) <= max_length:
        raise PatternError(f"it must have 1 to {max_length} characters")
    tree = Parser(pattern).parse()
    return subset_construction(Positions(max_positions), tree, max_states)


# --- pattern to syntax tree -------------------------------------------------------------------------------------------


class Parser:
    """Recursive descent; `at` is the index of the next character, `depth` the number of groups it is in."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        tree = self.alternatives()
        if self.at < len(self.pattern):
            raise self.refused("closes no group")
        return tree

    @property
    def next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        character = self.next
        self.at += 1
        return character

    def refused(self, why: str, at: int | None = None) -> PatternError:
        at = self.at if at is None else at
        if at >= len(self.pattern):
            return PatternError(f"the end, after character {len(self.pattern)}, {why}")
        return PatternError(f"character {at + 1}, {self.pattern[at]!r}, {why}")

    def alternatives(self) -> Node:
        choices = [self.sequence()]
        while self.next == "|":
            self.at += 1
            choices.append(self.sequence())
        return choices[0] if len(choices) == 1 else Alternatives(choices)

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.next not in ("", "|", ")"):
            items.append(self.repeated())
        if not items:
            raise self.refused("follows nothing: an alternative or a group is empty")
        return Sequence(items)

    def repeated(self) -> Node:
        item = self.atom()
        if self.next in QUANTIFIERS:
            item = Repeat(item, *QUANTIFIERS[self.take()])
        elif self.next == "{":
            item = Repeat(item, *self.bounds())
        if self.next in (*QUANTIFIERS, "{"):
            raise self.refused("follows a quantifier: put a group in parentheses")
        return item

    def bounds(self) -> tuple[int, int | None]:
        """Of {n}, {n,} or {n,m}."""
        begin = self.at
        inside, brace, _ = self.pattern[begin + 1 :].partition("}")
        least, comma, most = inside.partition(",")
        if not brace or not is_count(least) or (most and not is_count(most)):
            raise self.refused("must begin {n}, {n,} or {n,m}", begin)
        bounds = int(least), (int(most) if most else None) if comma else int(least)
        if max(bounds[0], bounds[1] or 0) > MAX_REPEATS or bounds[1] == 0 or bounds[0] > (bounds[1] or MAX_REPEATS):
            raise self.refused(f"begins counts that are not in order, or not from 1 to {MAX_REPEATS}", begin)
        self.at = begin + len(inside) + 2
        return bounds

    def atom(self) -> Node:
        if self.next == "(":
            return self.group()
        if self.next == "[":
            return self.character_class()
        if self.next == ".":
            self.at += 1
            return Characters(frozenset(ALPHABET))
        if self.next in "?*+{":
            raise self.refused("repeats nothing")
        if self.next in "]}^$":
            raise self.refused("is not among the patterns that are supported; a backslash makes it an ordinary one")
        return Characters(frozenset(self.character()))

    def group(self) -> Node:
        begin = self.at
        if self.depth == MAX_DEPTH:
            raise self.refused(f"opens a group that is in {MAX_DEPTH} others already")
        self.at += 1
        self.depth += 1
        tree = self.alternatives()
        self.depth -= 1
        if self.take() != ")":
            raise self.refused("opens a group that is not closed", begin)
        return tree

    def character_class(self) -> Node:
        begin = self.at
        self.at += 1
        members: set[str] = set()
        while self.next not in ("", "]"):
            members.update(self.class_range())
        if self.take() != "]" or not members:
            raise self.refused("opens a class that is empty or not closed", begin)
        return Characters(frozenset(members))

    def class_range(self) -> str:
        """One character, the members of an escape, or the digits of a range."""
        if self.next in "^[":
            raise self.refused("is not supported in a class; a backslash makes it an ordinary one")
        begin = self.at
        first = self.character()
        if self.next != "-" or self.pattern[self.at + 1 : self.at + 2] == "]":
            return first
        self.at += 1
        last = self.character()
        if first not in DIGITS or last not in DIGITS or len(first + last) != 2 or first > last:
            raise self.refused("begins a range that does not go from one digit to a higher one", begin)
        return DIGITS[int(first) : int(last) + 1]

    def character(self) -> str:
        """A character, or all that an escape stands for."""
        begin = self.at
        character = self.take()
        if character == "\\":
            escaped = self.take()
            if escaped in ESCAPES:
                return ESCAPES[escaped]
            character = escaped
        elif character == " ":
            raise self.refused(r"is a space: write \s for one, and in an address %2B for a plus sign", begin)
        if not character or character not in ALPHABET:
            raise self.refused("is not supported, or is no sign that is read", min(self.at, len(self.pattern)) - 1)
        return character


def is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3


# --- syntax tree to transition table ----------------------------------------------------------------------------------


class Fragment(NamedTuple):
    """A part of the pattern. Sets of positions are bit masks."""

    nullable: bool  # whether it may be empty
    first: int
    last: int


EMPTY = Fragment(nullable=True, first=0, last=0)


class Positions:
    """The character classes of a pattern, in order, and which of them may follow each."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.characters: list[frozenset[str]] = []
        self.follow: list[int] = []

    def add(self, characters: frozenset[str]) -> Fragment:
        if len(self.characters) > self.limit:  # the end of the text is one more
            raise PatternError(f"it has more than {self.limit} characters when its repeats are written out")
        self.characters.append(characters)
        self.follow.append(0)
        position = 1 << (len(self.characters) - 1)
        return Fragment(nullable=False, first=position, last=position)

    def build(self, node: Node) -> Fragment:
        if isinstance(node, Characters):
            return self.add(node.members)
        if isinstance(node, Sequence):
            return functools.reduce(lambda before, item: self.chain(before, self.build(item)), node.items, EMPTY)
        if isinstance(node, Alternatives):
            return functools.reduce(union, map(self.build, node.choices))
        return self.repeat(node)

    def chain(self, one: Fragment, other: Fragment) -> Fragment:
        for position in bits(one.last):
            self.follow[position] |= other.first
        first = one.first | (other.first if one.nullable else 0)
        last = other.last | (one.last if other.nullable else 0)
        return Fragment(one.nullable and other.nullable, first, last)

    def repeat(self, node: Repeat) -> Fragment:
        """Written out: x{2,4} as xxx?x?, x{2,} as xx+ and x* as x+ or nothing."""
        written = EMPTY
        for count in range(node.most or max(1, node.least)):
            item = self.build(node.item)
            if node.most is None and count + 1 >= node.least:
                self.chain(item, item)
            optional = item if count < node.least else item._replace(nullable=True)
            written = self.chain(written, optional)
        return written


def union(one: Fragment, other: Fragment) -> Fragment:
    return Fragment(one.nullable or other.nullable, one.first | other.first, one.last | other.last)


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def subset_construction(positions: Positions, tree: Node, max_states: int) -> TransitionTable:
    """A state is the set of positions that may be read next; the last position is the end of the text."""
    start = positions.chain(positions.build(tree), positions.add(frozenset())).first
    end = 1 << (len(positions.characters) - 1)
    numbers, states = {start: 0}, [start]
    transitions: list[dict[str, int]] = []
    for state in states:  # grows meanwhile
        row: dict[str, int] = {}
        for character, after in sets_after(positions, state).items():
            if after not in numbers:
                numbers[after] = len(states)
                states.append(after)
            row[character] = numbers[after]
        transitions.append(row)
        if len(states) > max_states:
            raise PatternError(f"it needs an automaton of more than {max_states} states: write it more simply")
    return TransitionTable(transitions, frozenset(number for number, state in enumerate(states) if state & end))


def sets_after(positions: Positions, state: int) -> dict[str, int]:
    """For each character that may be read next: the positions that may follow it."""
    after: dict[str, int] = {}
    for position in bits(state):
        for character in positions.characters[position]:
            after[character] = after.get(character, 0) | positions.follow[position]
    return after
