"""Ray Serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.http import from_member, from_raw_tensor, json_body, picture_body, raw_tensor
from benchmarks.peer import PEERS, Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    server = PEERS / "ray_serve/server.py"
    return [launch.python, server, str(launch.port), str(launch.workers), launch.route]


def environment(launch: Launch) -> Mapping[str, str]:
    return {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_DEFAULT_HTTP_HOST": "127.0.0.1",  # of the replicas, which listen too
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # despite its name: its daemons listen on the loopback address alone
    }


PEER = Peer(
    name="Ray Serve",
    setup="throughput-optimized, batches of 16, wait 1 ms, a replica for each core, no access log; raw bodies",
    command=command,
    folder="ray_serve",
    packages=("ray", "pillow", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(
            lambda question: picture_body("/", question),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "json": Route(
            lambda question: json_body("/", {"instances": question.images.tolist()}),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "binary": Route(lambda question: raw_tensor("/", question), from_raw_tensor),
    },
)
