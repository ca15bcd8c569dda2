"""The manifest of a model version: what its graph is, where it came from, and what it reaches.

models/<name>/<version>/
    model.onnx         the graph
    manifest.json      what is described here
    model.sig          the signature of both, if signatures are required
    card.md *.png      for people
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ModelRefused
from app.repository.signature import SIGNATURE_FILE, SignatureRefused, Signer

GRAPH_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"


class Tensor(BaseModel):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: list[str | int] = Field(description="A name stands for a dimension of variable size.")


class Metric(BaseModel):
    """A figure and the data it was measured on."""

    name: str
    value: float
    data: str = Field(description="The data it was measured on, and how many.")
    interval: tuple[float, float] | None = Field(default=None, description="95 % confidence interval.")


class Parity(BaseModel):
    """The difference between the exported graph and the Keras model it was made from."""

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
    temperature: float = Field(description="The graph divides the logits by it; fitted on the validation digits.")
    data: dict[str, Any] = Field(description="The training data, with digests.")
    seed: int
    config: dict[str, Any] = Field(description="The whole training configuration.")
    libraries: dict[str, str] = Field(description="The versions of the libraries that trained it.")
    metrics: list[Metric]
    parity: Parity


def read_version(folder: Path, signer: Signer | None = None) -> tuple[Manifest, bytes]:
    """The manifest and the graph's bytes, checked against each other, the folder's name and, if given, the signer.

    Raises `ModelRefused`.
    """
    where = f"{folder.parent.name}/{folder.name}"
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        graph = (folder / GRAPH_FILE).read_bytes()
        if signer:
            signer.check((folder / SIGNATURE_FILE).read_bytes(), {MANIFEST_FILE: content, GRAPH_FILE: graph})
        manifest = Manifest.model_validate_json(content)
    except OSError as error:
        raise ModelRefused(f"{where}: {Path(str(error.filename)).name} cannot be read ({error.strerror})") from error
    except SignatureRefused as error:
        raise ModelRefused(f"{where}: {SIGNATURE_FILE} {error}") from error
    except ValidationError as error:
        raise ModelRefused(f"{where}: {MANIFEST_FILE} is {first_problem(error)}") from error
    if (manifest.name, manifest.version) != (folder.parent.name, int(folder.name)):
        raise ModelRefused(f"{where}: its manifest says it is {manifest.name}/{manifest.version}")
    if hashlib.sha256(graph).hexdigest() != manifest.sha256:
        raise ModelRefused(f"{where}: {GRAPH_FILE} is not the file its manifest describes (the sha256 differs)")
    return manifest, graph


def first_problem(error: ValidationError) -> str:
    """One line; continues "<file> is"."""
    first = error.errors()[0]
    return f"wrong at {first['loc']}: {first['msg']}" if first["loc"] else f"wrong: {first['msg']}"
