"""MLServer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.digits import Question
from benchmarks.http import Request, base64_picture, from_v2_json, json_body, v2_json
from benchmarks.peer import PEERS, Launch, Peer, Route

INFER = "/v2/models/digits-mlp/infer"


def command(launch: Launch) -> Sequence[str | Path]:
    return [launch.python.with_name("mlserver"), "start", PEERS / "mlserver"]


def environment(launch: Launch) -> Mapping[str, str]:
    return {
        "MLSERVER_HTTP_PORT": str(launch.port),
        "MLSERVER_GRPC_PORT": str(launch.port - 10_000),  # it starts gRPC too, whatever one wants
        "MLSERVER_PARALLEL_WORKERS": str(launch.workers),
    }


def ask_picture(question: Question) -> Request:
    tensor = {
        "name": "image",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64_picture(question)],
    }
    return json_body(INFER, {"inputs": [tensor]})


PEER = Peer(
    name="MLServer",
    setup="custom runtime, adaptive batching (64, 1 ms), a parallel worker for each core; V2 JSON",
    command=command,
    folder="mlserver",
    packages=("mlserver", "uvloop", "pillow", "onnxruntime"),
    environment=environment,
    routes={
        "png": Route(ask_picture, from_v2_json),
        "json": Route(lambda question: v2_json(INFER, question), from_v2_json),
    },
)
