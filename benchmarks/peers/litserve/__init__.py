"""LitServe, as server.py sets it up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.codecs import base64_png, json_request, parse_member
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    server = PEERS_FOLDER / "litserve/server.py"
    return [launch.python, server, str(launch.port), str(launch.workers), launch.route]


PEER = Peer(
    name="LitServe",
    setup="batches of 16, wait 1 ms, a worker for each core; base64 in JSON",
    command=command,
    folder="litserve",
    packages=("litserve", "pillow", "onnxruntime"),
    routes={
        "png": Route(
            lambda payload: json_request("/predict", {"image_data": base64_png(payload)}),
            lambda response: parse_member(response, "probabilities"),
        ),
        "json": Route(
            lambda payload: json_request("/predict", {"instances": payload.images.tolist()}),
            lambda response: parse_member(response, "probabilities"),
        ),
    },
)
