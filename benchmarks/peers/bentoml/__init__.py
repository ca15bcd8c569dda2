"""BentoML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.http import from_rows, json_body, picture_form
from benchmarks.peer import PEERS, Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "bentoml", "serve", "service:Digits"]
    return [*serve, "--working-dir", PEERS / "bentoml", "--host", "127.0.0.1", "--port", str(launch.port)]


def environment(launch: Launch) -> Mapping[str, str]:
    return {"BENCH_WORKERS": str(launch.workers), "BENTOML_DO_NOT_TRACK": "True"}


PEER = Peer(
    name="BentoML",
    setup="adaptive batching, a worker for each core, no access log",
    command=command,
    folder="bentoml",
    packages=("bentoml", "pillow", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(lambda question: picture_form("/classify", question, "pictures"), from_rows),
        "json": Route(
            lambda question: json_body("/classify_tensor", {"images": question.images.tolist()}),
            from_rows,
        ),
    },
)
