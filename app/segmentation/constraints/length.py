"""So many digits, whatever marks stand between them."""

from __future__ import annotations

from dataclasses import dataclass

from app.segmentation.constraints.automaton import State


@dataclass(frozen=True)
class DigitCount:
    """Of a text of digits alone. A state is the number of digits so far."""

    wanted: int
    start: int = 0

    def step(self, state: State, _: str) -> State | None:
        return state + 1 if state < self.wanted else None

    def accepts(self, state: State) -> bool:
        return bool(state == self.wanted)
