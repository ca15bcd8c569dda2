"""mosec with Pillow, as in its examples; and with OpenCV, so that the faster decoder is not what makes ours faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.codecs import json_request, parse_member, parse_raw_tensor, png_request, raw_tensor_request
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route

PATH = "/inference"


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, PEERS_FOLDER / "mosec/server.py", "--address", "127.0.0.1"]
    return [*serve, "--port", str(launch.port), "--log-level", "warning"]


def environment(launch: LaunchOptions) -> Mapping[str, str]:
    return {"BENCH_WORKERS": str(launch.workers), "BENCH_ROUTE": launch.route}


PEER = Peer(
    name="mosec",
    setup="one stage, batches of 16, wait 1 ms, a worker for each core; raw bodies",
    command=command,
    folder="mosec",
    packages=("mosec", "pillow", "opencv-python-headless", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(
            lambda payload: png_request(PATH, payload),
            lambda response: parse_member(response, "probabilities"),
        ),
        "json": Route(
            lambda payload: json_request(PATH, {"instances": payload.images.tolist()}),
            lambda response: parse_member(response, "probabilities"),
        ),
        "binary": Route(lambda payload: raw_tensor_request(PATH, payload), parse_raw_tensor),
    },
)

WITH_OPENCV = replace(
    PEER,
    name="mosec-OpenCV",
    setup="as mosec, with OpenCV as the decoder of pictures",
    environment=lambda launch: {**environment(launch), "BENCH_DECODER": "opencv"},
)
