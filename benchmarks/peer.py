"""What the harness must know of a server to compare with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.digits import Question
from benchmarks.http import Answer, Read, Request

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
CACHE = ROOT / ".cache/bench"
MLP, CNN = (ROOT / "models" / each / "model.onnx" for each in ("digits-mlp/1", "digits/7"))


class NoComparison(Exception):
    """This server cannot be compared; the message says why. The others can."""


@dataclass(frozen=True)
class Launch:
    """How a server is to be started this time."""

    python: Path
    port: int
    workers: int
    route: str  # what will be asked


@dataclass(frozen=True)
class Route:
    """One way to ask a server. Without `read` the answer is not looked at: the constant's names no digit."""

    ask: Callable[[Question], Request]
    read: Callable[[Answer], Read] | None


@dataclass(frozen=True)
class Peer:
    """One server. `routes` are named by what is sent: png, sheet, json, binary and their variants."""

    name: str
    setup: str  # how it is set up, in a few words, for whoever reads the table
    command: Callable[[Launch], Sequence[str | Path]]
    routes: Mapping[str, Route]
    folder: str = ""  # under peers/, whose requirements.txt is installed; empty: our own environment
    packages: tuple[str, ...] = ()  # whose versions are told
    environment: Callable[[Launch], Mapping[str, str]] = field(default=lambda launch: {})
    ready: str = ""  # the route whose answer says that it is up; empty: the one that will be asked
    limit: bool = False  # nothing to compete with: what no server of the kind can pass


@dataclass(frozen=True)
class Loop:
    """The other limit: the model alone, called again and again with batches, without any server."""

    name: str
    setup: str
    model: Path
    folder: str = "onnxruntime"
    packages: tuple[str, ...] = ("onnxruntime", "numpy")
    limit: bool = True
