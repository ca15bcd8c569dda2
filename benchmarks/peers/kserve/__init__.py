"""KServe's Python server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.digits import Question
from benchmarks.http import (
    Request,
    base64_picture,
    from_member,
    from_v2_binary,
    from_v2_json,
    json_body,
    v2_binary,
    v2_json,
)
from benchmarks.peer import PEERS, Launch, Peer, Route

INFER = "/v2/models/digits-mlp/infer"


def command(launch: Launch) -> Sequence[str | Path]:
    return [launch.python, PEERS / "kserve/server.py", str(launch.port), str(launch.workers)]


def ask_picture(question: Question) -> Request:
    instances = [{"image": {"b64": base64_picture(question)}}]
    return json_body("/v1/models/digits-mlp:predict", {"instances": instances})


PEER = Peer(
    name="KServe",
    setup="custom model, a worker for each core; pictures as V1 base64, tensors as V2",
    command=command,
    folder="kserve",
    packages=("kserve", "pillow", "onnxruntime"),
    routes={
        "png": Route(ask_picture, lambda answer: from_member(answer, "predictions")),
        "json": Route(lambda question: v2_json(INFER, question), from_v2_json),
        "binary": Route(lambda question: v2_binary(INFER, question), from_v2_binary),
    },
)
