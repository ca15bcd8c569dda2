"""LitServe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.http import base64_picture, from_member, json_body
from benchmarks.peer import PEERS, Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    server = PEERS / "litserve/server.py"
    return [launch.python, server, str(launch.port), str(launch.workers), launch.route]


PEER = Peer(
    name="LitServe",
    setup="batches of 16, wait 1 ms, a worker for each core; base64 in JSON",
    command=command,
    folder="litserve",
    packages=("litserve", "pillow", "onnxruntime"),
    routes={
        "png": Route(
            lambda question: json_body("/predict", {"image_data": base64_picture(question)}),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "json": Route(
            lambda question: json_body("/predict", {"instances": question.images.tolist()}),
            lambda answer: from_member(answer, "probabilities"),
        ),
    },
)
