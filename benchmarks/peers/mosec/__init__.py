"""mosec, with Pillow as in its examples; and with OpenCV, the faster decoder, so that ours does not win by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.http import from_member, from_raw_tensor, json_body, picture_body, raw_tensor
from benchmarks.peer import PEERS, Launch, Peer, Route

PATH = "/inference"


def command(launch: Launch) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, PEERS / "mosec/server.py", "--address", "127.0.0.1"]
    return [*serve, "--port", str(launch.port), "--log-level", "warning"]


def environment(launch: Launch) -> Mapping[str, str]:
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
            lambda question: picture_body(PATH, question),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "json": Route(
            lambda question: json_body(PATH, {"instances": question.images.tolist()}),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "binary": Route(lambda question: raw_tensor(PATH, question), from_raw_tensor),
    },
)

WITH_OPENCV = replace(
    PEER,
    name="mosec-OpenCV",
    setup="the same, the pictures decoded by OpenCV",
    environment=lambda launch: {**environment(launch), "BENCH_DECODER": "opencv"},
)
