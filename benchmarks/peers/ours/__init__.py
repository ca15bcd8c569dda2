"""This service as `python -m app serve` starts it; and with FastAPI's routes in place of its fast path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.codecs import (
    PredictedDigits,
    json_request,
    parse_member,
    parse_v2_binary,
    parse_v2_json,
    png_request,
    v2_binary_request,
    v2_json_request,
)
from benchmarks.http import Request, Response
from benchmarks.payloads import Payload
from benchmarks.peer import LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "app", "serve", "--device", "cpu", "--port", str(launch.port)]
    serve += ["--drain-seconds", "0"]  # no load balancer has to notice the shutdown first
    return serve if launch.workers == 1 else [*serve, "--workers", str(launch.workers)]


def without_fast_path(launch: LaunchOptions) -> Sequence[str | Path]:
    return [*command(launch), "--fast-path", "false"]


def build_png_request(payload: Payload) -> Request:
    return png_request("/predict?model=digits-mlp", payload)


def parse_predictions(response: Response) -> PredictedDigits:
    return np.array([prediction["digit"] for prediction in json.loads(response.body)["predictions"]])


def build_v1_request(payload: Payload) -> Request:
    return json_request("/v1/models/digits-mlp:predict", {"instances": payload.images.tolist()})


PEER = Peer(
    name="digits",
    setup="`python -m app serve`, defaults; all protocols",
    command=command,
    readiness_route="png",
    packages=("onnxruntime-gpu", "fastapi", "uvicorn", "numpy"),
    routes={
        "png": Route(build_png_request, parse_predictions),
        "json": Route(build_v1_request, lambda response: parse_member(response, "predictions")),
        "json-v2": Route(lambda payload: v2_json_request("/v2/models/digits-mlp/infer", payload), parse_v2_json),
        "binary": Route(lambda payload: v2_binary_request("/v2/models/digits-mlp/infer", payload), parse_v2_binary),
        "binary-cnn": Route(lambda payload: v2_binary_request("/v2/models/digits/infer", payload), parse_v2_binary),
    },
)
WITHOUT_FAST_PATH = replace(
    PEER,
    name="digits, no fast path",
    setup="`python -m app serve --fast-path false`: every request goes through FastAPI",
    command=without_fast_path,
    routes={"png": PEER.routes["png"]},
)
