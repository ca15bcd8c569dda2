"""MLServer, as settings.json, model-settings.json and digits.py set it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.codecs import base64_png, json_request, parse_v2_json, v2_json_request
from benchmarks.http import Request
from benchmarks.payloads import Payload
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route

INFER_PATH = "/v2/models/digits-mlp/infer"


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    return [launch.python.with_name("mlserver"), "start", PEERS_FOLDER / "mlserver"]


def environment(launch: LaunchOptions) -> Mapping[str, str]:
    return {
        "MLSERVER_HTTP_PORT": str(launch.port),
        "MLSERVER_GRPC_PORT": str(launch.port - 10_000),  # gRPC cannot be turned off
        "MLSERVER_PARALLEL_WORKERS": str(launch.workers),
    }


def build_png_request(payload: Payload) -> Request:
    tensor = {
        "name": "image",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64_png(payload)],
    }
    return json_request(INFER_PATH, {"inputs": [tensor]})


PEER = Peer(
    name="MLServer",
    setup="custom runtime, adaptive batching (64, 1 ms), a parallel worker for each core; V2 JSON",
    command=command,
    folder="mlserver",
    packages=("mlserver", "uvloop", "pillow", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(build_png_request, parse_v2_json),
        "json": Route(lambda payload: v2_json_request(INFER_PATH, payload), parse_v2_json),
    },
)
