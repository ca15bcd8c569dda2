"""A client generated from the OpenAPI document reads digits from a running service, unedited."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import TIMEOUT_S, Service, serving

# Other picture types are bytes too; the generator's own hook looks for ruff in PATH.
BINARY = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/bmp",
    "image/gif",
    "image/tiff",
    "image/heic",
    "image/*",
    "application/pdf",
    "application/x-npy",
    "text/csv",
    "application/jsonlines",
)
CONFIG = {"content_type_overrides": dict.fromkeys(BINARY, "application/octet-stream"), "post_hooks": []}

USE = """
import base64, io, sys
from pathlib import Path
from digits_client import Client
from digits_client.api.digits import explain, predict, read
from digits_client.api.open_inference_protocol_v2 import v2_infer
from digits_client.api.v1_tensor_flow_serving_k_serve import v1_predict
from digits_client.models import (
    ExplainedPrediction, InferRequest, InputTensor, Instances, Pictures, Problem, ReadPage
)
from digits_client.types import File

client = Client(base_url=sys.argv[1])
picture = Path(sys.argv[2]).read_bytes()
text = base64.b64encode(picture).decode()
tensor = InputTensor(name="image", shape=[1], datatype="BYTES", data=[text])
refused = predict.sync(client=client, body=File(io.BytesIO(b"no picture")))
probabilities = v1_predict.sync("digits", client=client, body=Instances([{"b64": text}])).predictions[0]
best = v2_infer.sync("digits", client=client, body=InferRequest([tensor])).outputs[0].data
print(predict.sync(client=client, body=File(io.BytesIO(picture))).predictions[0].digit)
print(predict.sync(client=client, body=Pictures([text]), return_image=True).predictions[0].digit)
print(explain.sync(client=client, body=File(io.BytesIO(picture))).explanation.digit)
print(read.sync(client=client, body=File(io.BytesIO(picture))).text)
print(probabilities.index(max(probabilities)))
print(best.index(max(best)))
print(type(refused).__name__, refused.status, refused.type_)
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu") as service:
        yield service


@pytest.fixture(scope="module")
def generated(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    with urllib.request.urlopen(service.address + "/openapi.json") as document:
        (folder / "openapi.json").write_bytes(document.read())
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
        *("--path", "openapi.json", "--config", "config.json", "--output-path", "client"),
    ]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert run.returncode == 0, run.stdout
    return folder / "client"


def test_generated_client_reads_digits_and_parses_problems(service: Service, generated: Path, seven_png: bytes) -> None:
    picture = generated / "seven.png"
    picture.write_bytes(seven_png)
    command: list[str | Path] = [sys.executable, "-W", "error", "-c", USE, service.address, picture]
    run = subprocess.run(command, cwd=generated, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert run.returncode == 0, run.stderr
    *digits, problem = run.stdout.splitlines()
    assert digits == ["7"] * 6
    assert problem == "Problem 415 urn:digits:problem:unsupported-picture"
