"""The application that tutorials build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.http import from_member, json_body, picture_form
from benchmarks.peer import PEERS, Launch, Peer, Route


def command(launch: Launch) -> Sequence[str | Path]:
    serve: list[str | Path] = [launch.python, "-m", "uvicorn", "--app-dir", PEERS / "tutorial", "main:app"]
    return [*serve, "--port", str(launch.port), "--workers", str(launch.workers), "--no-access-log"]


PEER = Peer(
    name="tutorial",
    setup="FastAPI, UploadFile, Pillow, session.run for each request",
    command=command,
    folder="tutorial",
    packages=("fastapi", "uvicorn", "pillow", "onnxruntime"),
    routes={
        "png": Route(
            lambda question: picture_form("/predict", question, "file"),
            lambda answer: from_member(answer, "probabilities"),
        ),
        "json": Route(
            lambda question: json_body("/predict_many", {"instances": question.images.tolist()}),
            lambda answer: from_member(answer, "predictions"),
        ),
    },
)
