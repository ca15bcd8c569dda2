"""KServe's Python server, as server.py sets it up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.codecs import (
    base64_png,
    json_request,
    parse_member,
    parse_v2_binary,
    parse_v2_json,
    v2_binary_request,
    v2_json_request,
)
from benchmarks.http import Request
from benchmarks.payloads import Payload
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route

INFER_PATH = "/v2/models/digits-mlp/infer"


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    return [launch.python, PEERS_FOLDER / "kserve/server.py", str(launch.port), str(launch.workers)]


def build_png_request(payload: Payload) -> Request:
    instances = [{"image": {"b64": base64_png(payload)}}]
    return json_request("/v1/models/digits-mlp:predict", {"instances": instances})


PEER = Peer(
    name="KServe",
    setup="custom model, a worker for each core; pictures as V1 base64, tensors as V2",
    command=command,
    folder="kserve",
    packages=("kserve", "pillow", "onnxruntime"),
    routes={
        "png": Route(build_png_request, lambda response: parse_member(response, "predictions")),
        "json": Route(lambda payload: v2_json_request(INFER_PATH, payload), parse_v2_json),
        "binary": Route(lambda payload: v2_binary_request(INFER_PATH, payload), parse_v2_binary),
    },
)
