"""Ray Serve, as server.py sets it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.codecs import json_request, parse_member, parse_raw_tensor, png_request, raw_tensor_request
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    server = PEERS_FOLDER / "ray_serve/server.py"
    return [launch.python, server, str(launch.port), str(launch.workers), launch.route]


def environment(launch: LaunchOptions) -> Mapping[str, str]:
    return {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_DEFAULT_HTTP_HOST": "127.0.0.1",  # of the replicas, which listen as well
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its effect here: the daemons listen on the loopback address only
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
            lambda payload: png_request("/", payload),
            lambda response: parse_member(response, "probabilities"),
        ),
        "json": Route(
            lambda payload: json_request("/", {"instances": payload.images.tolist()}),
            lambda response: parse_member(response, "probabilities"),
        ),
        "binary": Route(lambda payload: raw_tensor_request("/", payload), parse_raw_tensor),
    },
)
