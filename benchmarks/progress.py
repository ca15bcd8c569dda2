"""A progress bar on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tqdm import tqdm

FORMAT = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}] {desc}"


class Progress:
    """Counts measurements; the current activity is shown behind the counter, notes stay above it."""

    def __init__(self, measurements: int) -> None:
        self._measurements = measurements

    def __enter__(self) -> Self:
        self._bar = tqdm(total=self._measurements, bar_format=FORMAT)
        return self

    def start_measurement(self, text: str) -> None:
        self.show(text)
        self._bar.update()

    def show(self, text: str) -> None:
        self._bar.set_description_str(text)

    def note(self, text: str) -> None:
        self._bar.write(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
