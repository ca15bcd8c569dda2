"""The manifest of a model version: what its graph is, where it came from, and what it reaches.

models/<name>/<version>/
    model.onnx         the graph
    model.int8.onnx    the same network, quantized, if the manifest describes it
    manifest.json      what is described here
    audit.json         figures of the last audit, if there was one
    model.sig          the signature of all of them, if signatures are required
    card.md audit.md   for people, with their diagrams
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.errors import ModelRefused, ModelUnreadable
from app.json_encoding import utf8_json
from app.repository.files import read_file
from app.repository.signature import SIGNATURE_FILE, SignatureRefused, Signer
from app.runtime import memory_limit
from app.setting_values import MAX_VERSION

GRAPH_FILE = "model.onnx"
INT8_FILE = "model.int8.onnx"
MANIFEST_FILE = "manifest.json"
MAX_GRAPH_BYTES = 2**31 - 1  # of one Protocol Buffers message
MEMORY_SHARE = 4  # a graph is at most this part of the memory: while it is loaded there are several copies of it


def check_time(text: str) -> str:
    if datetime.fromisoformat(text).utcoffset() != timedelta():
        raise ValueError("give a time with its offset from UTC, which is 0")
    return text


Timestamp = Annotated[str, AfterValidator(check_time)]


class Tensor(BaseModel):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: list[str | int] = Field(description="A name stands for a dimension of variable size.")


class Finite(BaseModel):
    """A description whose numbers are numbers: JSON has no NaN, so a client of `/models` would find null."""

    model_config = ConfigDict(allow_inf_nan=False)


class Metric(Finite):
    """A figure and the data it was measured on."""

    name: str
    value: float
    data: str = Field(description="The data it was measured on, and how many.")
    interval: tuple[float, float] | None = Field(default=None, description="95 % confidence interval.")

    @field_validator("interval")
    @classmethod
    def _check_order(cls, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        if interval and interval[0] > interval[1]:
            raise ValueError("the interval ends before it begins")
        return interval


class Parity(Finite):
    """The difference between the exported graph and the Keras model it was made from."""

    data: str
    batch_sizes: list[int]
    max_abs_difference: float = Field(description="Largest difference of any probability.")
    equal_argmax: bool


class Agreement(Finite):
    """The difference between the int8 graph and the float32 graph it was made from."""

    data: str
    equal_share: float = Field(description="The share of the digits that both read the same.")
    max_abs_difference: float = Field(description="Largest difference of any probability.")


class QuantizedGraph(BaseModel):
    """The int8 graph beside the float32 graph of the same network."""

    sha256: str = Field(description="Of model.int8.onnx.")
    bytes: int = Field(description="Of model.int8.onnx.")
    calibration: str = Field(description="The images on which the ranges of its activations were measured.")
    metrics: list[Metric] = Field(description="Of this file, on the same data as those of model.onnx; and its speed.")
    agreement: Agreement


class Parent(Finite):
    """A step that the version was made from: a data set, a teacher, a run."""

    name: str = Field(description="The name of the step in the recipe.")
    kind: str = Field(description="What the step does, such as `train`.")
    sha256: str = Field(description="Of what the step made.")
    inputs: list[str] = Field(description="The steps whose results it took.")
    settings: dict[str, Any]
    commit: str | None = Field(description="The git commit of the code that did the step.")
    machine: str = Field(description="The kind of machine it was done on.")
    seconds: float = Field(description="The time it took, since it was last started.")
    peak_bytes: int | None = Field(description="The most memory that one of its processes took.")


class Manifest(BaseModel):
    """Where a served graph came from and what it reaches."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    version: int = Field(ge=1, le=MAX_VERSION)
    created: Timestamp = Field(description="ISO 8601, UTC.")
    labels: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    sha256: str = Field(description="Of model.onnx.")
    bytes: int = Field(description="Of model.onnx.")
    parameters: int
    threshold: float = Field(description="`accepted` means a confidence of at least this.")
    temperature: float = Field(description="The graph divides the logits by it; fitted on validation data.")
    data: dict[str, Any] = Field(description="The training data, with digests.")
    seed: int
    config: dict[str, Any] = Field(description="The whole training configuration.")
    libraries: dict[str, str] = Field(description="The versions of the libraries that trained it.")
    metrics: list[Metric]
    parity: Parity
    int8: QuantizedGraph | None = Field(default=None, description="None: the version has only a float32 graph.")
    # Versions that were published before there were recipes lack the following.
    commit: str | None = Field(default=None, description="The git commit of the code; `-dirty` if files differed.")
    machine: str | None = Field(default=None, description="The kind of machine on which the bytes are the same again.")
    recipe: str | None = Field(default=None, description="The recipe by which `python -m training make` made it, YAML.")
    parents: list[Parent] = Field(default=[], description="All steps of the recipe that it was made from, in order.")


class Graphs(NamedTuple):
    """The graphs of a version: the bytes of its ONNX files."""

    float32: bytes
    int8: bytes | None = None


def read_version(folder: Path, signer: Signer | None = None, *, version: int | None = None) -> tuple[Manifest, Graphs]:
    """The manifest and the graphs, checked against each other and, if given, against the signer.

    The folder is models/<name>/<version>, and the manifest must say the same. With `version`, the folder may have any
    name, and the manifest must say that version. Raises `ModelRefused`.
    """
    where = f"{folder.parent.name}/{folder.name}"
    try:
        content = read_file(folder / MANIFEST_FILE)
        signature = read_file(folder / SIGNATURE_FILE) if signer else b""
        manifest = Manifest.model_validate_json(utf8_json(content))
        check_identity(manifest, folder, version)
        files = {GRAPH_FILE: read_graph(folder / GRAPH_FILE, manifest)}
        if manifest.int8:
            files[INT8_FILE] = read_graph(folder / INT8_FILE, manifest.int8)
        if signer:
            signer.check(signature, {MANIFEST_FILE: content, **files})
    except OSError as error:
        raise unreadable(where, error) from error
    except SignatureRefused as error:
        raise ModelRefused(f"{where}: {SIGNATURE_FILE} {error}") from error
    except ValueError as error:
        raise ModelRefused(f"{where}: {MANIFEST_FILE} is {first_problem(error)}") from error
    except ModelRefused as error:
        raise ModelRefused(f"{where}: {error}") from error
    return manifest, Graphs(files[GRAPH_FILE], files.get(INT8_FILE))


def check_identity(manifest: Manifest, folder: Path, version: int | None) -> None:
    """Raises `ModelRefused`."""
    expected = (folder.parent.name, folder.name) if version is None else (manifest.name, str(version))
    if (manifest.name, str(manifest.version)) != expected:
        raise ModelRefused(f"its manifest says it is {manifest.name}/{manifest.version}")


def read_graph(path: Path, described: Manifest | QuantizedGraph) -> bytes:
    """Raises `OSError` or `ModelRefused`."""
    size = path.stat().st_size
    if size != described.bytes:  # known without reading it: it may still be being copied
        raise ModelRefused(f"{path.name} has {size:,} bytes, but its manifest describes one of {described.bytes:,}")
    graph = read_file(path, min(MAX_GRAPH_BYTES, memory_limit()[0] // MEMORY_SHARE))
    if hashlib.sha256(graph).hexdigest() != described.sha256:
        raise ModelRefused(f"{path.name} is not the file its manifest describes (the sha256 differs)")
    return graph


def unreadable(where: str, error: OSError) -> ModelUnreadable:
    file = Path(str(error.filename)).name
    if isinstance(error, FileNotFoundError) and file == MANIFEST_FILE:
        return ModelUnreadable(
            f"{where}: there is no {MANIFEST_FILE}, which says how the graph was made and what it reaches: "
            "python -m training publish writes both"
        )
    return ModelUnreadable(f"{where}: {file} cannot be read ({error.strerror})")


def first_problem(error: ValueError) -> str:
    """Of a file's validation or encoding. One line; continues "<file> is"."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"wrong at {first['loc']}: {first['msg']}" if first["loc"] else f"wrong: {first['msg']}"
