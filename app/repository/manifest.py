"""The versions on disk: what they are, and which are to be served.

models/<name>/
    <version>/             a whole number, the largest is served by default
        model.onnx         the graph
        manifest.json      what it is, where it came from, what it reaches
        model.sig          who signed it, where that is asked for
        card.md *.png      for people
    labels.json            {"stable": 1, "canary": 2}: names for versions, if there are any
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.errors import ModelRefused
from app.repository.signature import SIGNATURE, SignatureRefused, Signer

GRAPH = "model.onnx"
MANIFEST = "manifest.json"
LABELS = "labels.json"

Files = frozenset[tuple[str, int, int, int]]  # of a folder: name, bytes, times of the last changes; others: it changed


class Tensor(BaseModel):
    """A graph's input or output."""

    name: str
    dtype: str
    shape: list[str | int] = Field(description="A name stands for a size that varies.")


class Metric(BaseModel):
    """A figure and what it was measured on."""

    name: str
    value: float
    data: str = Field(description="The data it was measured on, and how many.")
    interval: tuple[float, float] | None = Field(default=None, description="95 % confidence interval.")


class Parity(BaseModel):
    """How far the exported graph is from the Keras model it was made from."""

    data: str
    batch_sizes: list[int]
    max_abs_difference: float = Field(description="Largest difference of any probability.")
    equal_argmax: bool


class Manifest(BaseModel):
    """Where a served graph came from and what it reaches."""

    model_config = ConfigDict(extra="forbid")

    name: str
    version: int
    created: str = Field(description="ISO 8601, UTC.")
    labels: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    sha256: str = Field(description="Of model.onnx.")
    bytes: int = Field(description="Of model.onnx.")
    parameters: int
    threshold: float = Field(description="`accepted` means a confidence of at least this.")
    temperature: float = Field(description="The logits are divided by it in the graph; fitted on validation digits.")
    data: dict[str, Any] = Field(description="What it was trained on, with digests.")
    seed: int
    config: dict[str, Any] = Field(description="The whole training config.")
    libraries: dict[str, str] = Field(description="The versions it was made with.")
    metrics: list[Metric]
    parity: Parity


class VersionPolicy(NamedTuple):
    """Which versions of each model are served, as TensorFlow Serving has it."""

    most: int | None = None  # this many, the largest
    only: frozenset[int] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`all`, `latest:2` or `specific:1,3`."""
        kind, _, numbers = text.partition(":")
        if kind == "latest":
            return cls(most=int(numbers))
        if kind == "specific":
            return cls(only=frozenset(map(int, numbers.split(","))))
        return cls()

    def wants(self, version: int, chosen: int) -> bool:
        """Whether a version is to be served beside `chosen` larger ones."""
        return chosen < self.most if self.most is not None else self.only is None or version in self.only


ALL = VersionPolicy()


class VersionFolder(NamedTuple):
    path: Path
    version: int
    files: Files


class ModelFolder(NamedTuple):
    """What there is of one model on disk."""

    versions: tuple[VersionFolder, ...] = ()  # the largest first
    labels: bytes | None = None


def scan(root: Path) -> dict[str, ModelFolder]:
    """Every model under `root` of which there is a version, by name. What cannot be read is as if it were not there."""
    found: dict[str, ModelFolder] = {}
    for path in reversed(folders_of(root)):
        model = found.get(path.parent.name) or ModelFolder(labels=bytes_of(path.parent / LABELS))
        versions = (*model.versions, VersionFolder(path, int(path.name), files_of(path)))
        found[path.parent.name] = model._replace(versions=versions)
    return found


def files_of(folder: Path) -> Files:
    """A copied file may keep its time of change, so the time of its coming here counts too."""
    files = set()
    for path in folder.glob("*"):
        try:
            stat = path.stat()
        except OSError:  # gone again, or a link to nothing
            continue
        files.add((path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return frozenset(files)


def bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def version_folders(root: Path) -> list[Path]:
    """models/<name>/<whole number>, in order. Raises `ModelRefused` if there is nothing to serve."""
    try:
        any(root.iterdir())
    except OSError as error:
        why = f"the models folder {root} cannot be read ({error.strerror})"
        raise ModelRefused(f"{why}: name another with --models or DIGITS_MODELS") from error
    folders = folders_of(root)
    if not folders:
        raise ModelRefused(f"{root} holds no models/<name>/<version>: publish one with python -m training publish")
    return folders


def folders_of(root: Path) -> list[Path]:
    """models/<name>/<whole number>, in order, if there are any."""
    folders = [folder for folder in root.glob("*/*") if folder.is_dir() and folder.name.isdecimal()]
    return sorted(folders, key=lambda folder: (folder.parent.name, int(folder.name)))


def newest_version(root: Path, name: str) -> Path:
    """The folder of a model's largest version. Raises `ModelRefused` if there is no such model."""
    folders = [folder for folder in version_folders(root) if folder.parent.name == name]
    if not folders:
        raise ModelRefused(f"{root} holds no model {name!r}")
    return folders[-1]


def read_version(folder: Path, signer: Signer | None = None) -> tuple[Manifest, bytes]:
    """The manifest and the graph's bytes, checked against each other, the folder and, if given, their signer.

    Raises `ModelRefused`.
    """
    where = f"{folder.parent.name}/{folder.name}"
    try:
        described = (folder / MANIFEST).read_bytes()
        graph = (folder / GRAPH).read_bytes()
        if signer:
            signer.check((folder / SIGNATURE).read_bytes(), {MANIFEST: described, GRAPH: graph})
        manifest = Manifest.model_validate_json(described)
    except OSError as error:
        raise ModelRefused(f"{where}: {Path(str(error.filename)).name} cannot be read ({error.strerror})") from error
    except SignatureRefused as error:
        raise ModelRefused(f"{where}: {SIGNATURE} {error}") from error
    except ValidationError as error:
        raise ModelRefused(f"{where}: {MANIFEST} is {first_of(error)}") from error
    if (manifest.name, manifest.version) != (folder.parent.name, int(folder.name)):
        raise ModelRefused(f"{where}: its manifest says it is {manifest.name}/{manifest.version}")
    if hashlib.sha256(graph).hexdigest() != manifest.sha256:
        raise ModelRefused(f"{where}: {GRAPH} is not the file its manifest describes (the sha256 differs)")
    return manifest, graph


def read_labels(content: bytes | None, served: Container[int]) -> dict[str, int]:
    """The version that each label names. Raises `ModelRefused`, also if one is not served: no label leads nowhere."""
    try:
        labels = TypeAdapter(dict[str, int]).validate_json(content or b"{}", strict=True)
    except ValidationError as error:
        raise ModelRefused(first_of(error)) from error
    for label, version in labels.items():
        if version not in served:
            raise ModelRefused(f"{label!r} names version {version}, which is not served")
    return labels


def first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"wrong at {first['loc']}: {first['msg']}" if first["loc"] else f"wrong: {first['msg']}"
