"""BentoML, as service.py sets it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.codecs import json_request, parse_rows, png_form_request
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "bentoml", "serve", "service:Digits"]
    return [*serve, "--working-dir", PEERS_FOLDER / "bentoml", "--host", "127.0.0.1", "--port", str(launch.port)]


def environment(launch: LaunchOptions) -> Mapping[str, str]:
    return {"BENCH_WORKERS": str(launch.workers), "BENTOML_DO_NOT_TRACK": "True"}


PEER = Peer(
    name="BentoML",
    setup="adaptive batching, a worker for each core, no access log",
    command=command,
    folder="bentoml",
    packages=("bentoml", "pillow", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(lambda payload: png_form_request("/classify", payload, "pictures"), parse_rows),
        "json": Route(
            lambda payload: json_request("/classify_tensor", {"images": payload.images.tolist()}),
            parse_rows,
        ),
    },
)
