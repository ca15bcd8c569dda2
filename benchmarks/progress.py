"""How far it is, on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tqdm import tqdm

FORMAT = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}] {desc}"


class Progress:
    """A bar with a line of text before it; notes stay above it."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def __enter__(self) -> Self:
        self._bar = tqdm(total=self._steps, unit="turn", bar_format=FORMAT)
        return self

    def step(self, text: str) -> None:
        self.say(text)
        self._bar.update()

    def say(self, text: str) -> None:
        self._bar.set_description_str(text)

    def note(self, text: str) -> None:
        self._bar.write(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
