"""uvicorn answering a constant: the limit of every server in Python on uvicorn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.http import picture_body
from benchmarks.peer import PEERS, Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "uvicorn", "--app-dir", PEERS / "constant", "app:app"]
    return [*serve, "--port", str(launch.port), "--workers", str(launch.workers), "--no-access-log"]


PEER = Peer(
    name="constant",
    setup="uvicorn, httptools and uvloop; reads the body, answers a constant",
    command=command,
    folder="constant",
    packages=("uvicorn", "httptools", "uvloop"),
    routes={"png": Route(lambda question: picture_body("/", question), None)},
    limit=True,
)
