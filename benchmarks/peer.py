"""One server of the comparison: how it is started and how a payload is sent to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.codecs import PredictedDigits
from benchmarks.http import Request, Response
from benchmarks.payloads import Payload

ROOT = Path(__file__).parents[1]
PEERS_FOLDER = Path(__file__).parent / "peers"
CACHE_FOLDER = ROOT / ".cache/bench"
MLP = ROOT / "models/digits-mlp/1/model.onnx"
CNN = ROOT / "models/digits/7/model.onnx"


class NotComparable(Exception):
    """This server cannot be measured; the message says why. The others still are."""


@dataclass(frozen=True)
class LaunchOptions:
    """What a server's command line is made from."""

    python: Path  # the interpreter of its virtual environment
    port: int
    workers: int
    route: str  # the key in `Peer.routes` of the requests that will be sent


@dataclass(frozen=True)
class Route:
    """One kind of request to a server. Without `parse` the response is not checked: the constant names no digit."""

    build: Callable[[Payload], Request]
    parse: Callable[[Response], PredictedDigits] | None


@dataclass(frozen=True)
class Peer:
    """One server. `routes` are keyed by what is sent: png, json, binary and their variants."""

    name: str
    setup: str  # its configuration in a few words, for the notes under the table
    command: Callable[[LaunchOptions], Sequence[str | Path]]
    routes: Mapping[str, Route]
    folder: str = ""  # under peers/, with the requirements.txt to install; empty: this service and its environment
    packages: tuple[str, ...] = ()  # their versions are part of the results
    environment: Callable[[LaunchOptions], Mapping[str, str]] = field(default=lambda launch: {})
    readiness_route: str = ""  # polled until the server is up; empty: the route to be measured
    upper_bound: bool = False  # no competitor: what no server of its kind can exceed


@dataclass(frozen=True)
class InferenceLoop:
    """The upper bound of every server of a model: the ONNX session called with batches in a loop, without a server."""

    name: str
    setup: str
    model: Path
    folder: str = "onnxruntime"
    packages: tuple[str, ...] = ("onnxruntime", "numpy")
