"""What a step has made: `step.json` in its folder, written last, and the digests by which results are told apart."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from app.repository.manifest import GRAPH_FILE, INT8_FILE, Parent
from training.distillation.synthetic_dataset import PLAN_FILE
from training.errors import DataError
from training.making.steps import Output, Step
from training.runs import MODEL_FILE, read_json, write_json

RECORD_FILE = "step.json"
WEIGHTS_MEMBER = "model.weights.h5"  # of a Keras archive


@dataclass(frozen=True)
class Record:
    """How a step was done, and what it made."""

    name: str
    kind: str
    settings: dict[str, Any]
    inputs: dict[str, str]  # the digest of each
    result: str  # the folder with the result, relative to the step's own
    sha256: str
    commit: str | None
    machine: str
    seconds: float  # since the step was last started
    peak_bytes: int | None  # the most memory that one of its processes took

    def write(self, folder: Path) -> None:
        write_json(folder / RECORD_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises `DataError`."""
        try:
            return cls(**read_json(folder / RECORD_FILE))
        except TypeError as error:
            raise DataError(f"{folder / RECORD_FILE} is damaged ({error}): move {folder} away") from error

    def parent(self) -> Parent:
        """As the manifest of a version has it."""
        values = {**asdict(self), "inputs": list(self.inputs)}
        del values["result"]
        return Parent.model_validate(values)


@dataclass(frozen=True)
class Made:
    """The result of a step that is done."""

    step: Step
    fingerprint: str
    folder: Path
    record: Record


def fingerprint(step: Step, inputs: Iterable[Made]) -> str:
    """A name for what the step makes of these inputs with these settings: a change of either has another folder."""
    parts = [step.kind, dict(step.settings), [(made.fingerprint, made.record.sha256) for made in inputs]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


# --- digests ---


def digest(folder: Path, output: Output) -> str:
    """Of what a step has made; of a run its weights: Keras writes the time and addresses in memory beside them.

    And its int8 graph, if it has one.
    """
    if output == "run":
        with zipfile.ZipFile(folder / MODEL_FILE) as archive:
            content = archive.read(WEIGHTS_MEMBER)
        int8 = folder / INT8_FILE
        return hashlib.sha256(content + (int8.read_bytes() if int8.exists() else b"")).hexdigest()
    if output == "version":
        return digest_files([folder / name for name in (GRAPH_FILE, INT8_FILE) if (folder / name).exists()])
    return digest_files([folder / PLAN_FILE, *sorted(folder.glob("*.npz"))])


def digest_files(paths: Iterable[Path]) -> str:
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{value}  {name}\n" for name, value in digests)  # as `sha256sum` prints them
    return hashlib.sha256(lines.encode()).hexdigest()
