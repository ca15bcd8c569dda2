"""The service itself, as `python -m app serve` starts it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.digits import Question
from benchmarks.http import (
    Answer,
    Read,
    Request,
    from_member,
    from_v2_binary,
    from_v2_json,
    json_body,
    picture_body,
    v2_binary,
    v2_json,
)
from benchmarks.peer import Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "app", "serve", "--device", "cpu", "--port", str(launch.port)]
    serve += ["--drain-seconds", "0"]  # nobody waits for a load balancer here
    return serve if launch.workers == 1 else [*serve, "--workers", str(launch.workers)]


def without_fast_path(launch: Launch) -> Sequence[str | Path]:
    return [*command(launch), "--fast-path", "false"]


def ask_picture(question: Question) -> Request:
    return picture_body("/predict?model=digits-mlp", question)


def read_digits(answer: Answer) -> Read:
    return np.array([each["digit"] for each in json.loads(answer.body)["predictions"]])


def ask_v1(question: Question) -> Request:
    return json_body("/v1/models/digits-mlp:predict", {"instances": question.images.tolist()})


PEER = Peer(
    name="digits",
    setup="`python -m app serve`, defaults; all protocols",
    command=command,
    ready="png",
    packages=("onnxruntime-gpu", "fastapi", "uvicorn", "numpy"),
    routes={
        "png": Route(ask_picture, read_digits),
        "json": Route(ask_v1, lambda answer: from_member(answer, "predictions")),
        "json-v2": Route(lambda question: v2_json("/v2/models/digits-mlp/infer", question), from_v2_json),
        "binary": Route(lambda question: v2_binary("/v2/models/digits-mlp/infer", question), from_v2_binary),
        "binary-cnn": Route(lambda question: v2_binary("/v2/models/digits/infer", question), from_v2_binary),
    },
)
WITHOUT_FAST_PATH = replace(
    PEER,
    name="digits, no fast path",
    setup="`python -m app serve --fast-path false`: every request passes FastAPI",
    command=without_fast_path,
    routes={"png": PEER.routes["png"]},
)
