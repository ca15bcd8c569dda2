"""The application that FastAPI tutorials for models build, as main.py sets it up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.codecs import json_request, parse_member, png_form_request
from benchmarks.peer import PEERS_FOLDER, LaunchOptions, Peer, Route


def command(launch: LaunchOptions) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "uvicorn", "--app-dir", PEERS_FOLDER / "tutorial", "main:app"]
    return [*serve, "--port", str(launch.port), "--workers", str(launch.workers), "--no-access-log"]


PEER = Peer(
    name="tutorial",
    setup="FastAPI, UploadFile, Pillow, one session.run for each request",
    command=command,
    folder="tutorial",
    packages=("fastapi", "uvicorn", "pillow", "onnxruntime"),
    routes={
        "png": Route(
            lambda payload: png_form_request("/predict", payload, "file"),
            lambda response: parse_member(response, "probabilities"),
        ),
        "json": Route(
            lambda payload: json_request("/predict_many", {"instances": payload.images.tolist()}),
            lambda response: parse_member(response, "predictions"),
        ),
    },
)
