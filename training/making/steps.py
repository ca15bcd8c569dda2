"""A step of a recipe, and what it takes to do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.repository.manifest import Parent

Output = Literal["run", "dataset", "version"]  # what a step makes: a folder of this kind


@dataclass(frozen=True)
class Step:
    """What is to be done, with which settings, and to the results of which steps."""

    name: str
    kind: str  # a key of `training.making.kinds.KINDS`
    output: Output
    settings: Mapping[str, Any]
    inputs: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

    def inputs_that_are(self, output: Output) -> list[Step]:
        return [step for step in self.inputs if step.output == output]

    def ancestors(self) -> Iterator[Step]:
        """All steps that this one depends on; some come more than once."""
        for step in self.inputs:
            yield from step.ancestors()
            yield step


@dataclass(frozen=True)
class Places:
    """Folders that the steps share, wherever they are on this machine: they change no result."""

    models: Path  # of all models
    data_dir: Path | None  # of MNIST


@dataclass(frozen=True)
class Task:
    """A step to be done now: where its inputs are, and where its result goes."""

    step: Step
    inputs: tuple[Path, ...]  # in the order of the step's inputs
    out: Path  # may hold what an interrupted try has left
    places: Places
    recipe: str  # the recipe's text
    parents: tuple[Parent, ...]  # how everything was made that the step depends on

    def folders(self, output: Output) -> list[Path]:
        """The folders of the inputs of one kind."""
        return [path for step, path in zip(self.step.inputs, self.inputs, strict=True) if step.output == output]
