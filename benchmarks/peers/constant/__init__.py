"""uvicorn with a constant response: the upper bound of every Python server on uvicorn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.codecs import png_request
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "uvicorn", "--app-dir", PEERS_FOLDER / "constant", "app:app"]
    return [*serve, "--port", str(launch.port), "--workers", str(launch.workers), "--no-access-log"]


PEER = Peer(
    name="constant",
    setup="uvicorn, httptools and uvloop; reads the body, returns a constant",
    command=command,
    folder="constant",
    packages=("uvicorn", "httptools", "uvloop"),
    routes={"png": Route(lambda payload: png_request("/", payload), None)},
    upper_bound=True,
)
