"""Triton's own client of the V2 protocol against a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MLP_VERSIONS, NEWEST, PREVIOUS, ROOT, VERSIONS
from tests.support.pictures import encode
from tests.support.service import TIMEOUT_S, Service, serving
from training.datasets.mnist import Digits

# In a process of its own: the client loads gevent, whose patches and warnings would reach the other tests.
SCRIPT = """
import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address, pictures = sys.argv[1].removeprefix("http://"), sys.argv[2]
images = np.load(pictures + "/images.npy")
files = np.array([open(f"{pictures}/{index}.png", "rb").read() for index in range(len(images))], dtype=object)
client = triton.InferenceServerClient(address)
admin = {"X-API-Key": "mine"}


def given(array, datatype, binary):
    tensor = triton.InferInput("image", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return [tensor]


def wanted(binary, classes=0):
    return [triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=classes)]


def infer(array, datatype="UINT8", binary_in=True, outputs=None, model="digits", **more):
    return client.infer(model, given(array, datatype, binary_in), outputs=outputs, **more)


def digits(*arguments, **options):
    return infer(*arguments, **options).as_numpy("probabilities").argmax(axis=1).tolist()


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        return [error.status(), error.message()]


"""


@pytest.fixture(scope="module")
def pictures(test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three test digits, as an array and as files."""
    folder = tmp_path_factory.mktemp("pictures")
    np.save(folder / "images.npy", test_digits.images[:3])
    for index, image in enumerate(test_digits.images[:3]):
        (folder / f"{index}.png").write_bytes(encode(255 - image))
    return folder


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    digest = sha256(b"mine").hexdigest()
    with serving("--device", "cpu", "--version-policy", "all", "--admin-keys", digest) as service:
        yield service


@pytest.fixture
def ask(service: Service, pictures: Path) -> Any:
    return lambda expression: answer_of(service, pictures, expression)


def answer_of(service: Service, pictures: Path, expression: str) -> Any:
    """The value of the expression in a process with Triton's client."""
    script = SCRIPT + f"print(json.dumps({expression}))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    command = [sys.executable, "-c", script, service.address, str(pictures)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_health_and_metadata(ask: Any) -> None:
    answer = ask(
        "[client.is_server_live(), client.is_server_ready(), client.is_model_ready('digits'),"
        f" client.is_model_ready('digits', '{PREVIOUS}'), client.is_model_ready('letters'),"
        f" client.get_server_metadata(), client.get_model_metadata('digits', '{PREVIOUS}')]"
    )
    assert answer[:5] == [True, True, True, True, False]
    assert "binary_tensor_data" in answer[5]["extensions"]
    (tensor,) = answer[6]["inputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("image", "UINT8", [-1, 28, 28])


def test_infer_with_json_and_binary_either_way(ask: Any) -> None:
    answer = ask(
        "[digits(images, binary_in=a, outputs=b and wanted(c), request_compression_algorithm=z)"
        " for a in (True, False) for b in (True, False) for c in (True, False) for z in (None, 'gzip', 'deflate')]"
    )
    assert answer == [[7, 2, 1]] * 24


def test_infer_with_floats_and_other_shapes(ask: Any) -> None:
    answer = ask(
        "[digits((images / 255).astype(np.float32).reshape(3, 784), 'FP32'),"
        " digits(images.astype(np.float16), 'FP16'), digits(images.astype(np.int64)[..., None], 'INT64'),"
        f" digits(images, model='digits-mlp', model_version='{MLP_VERSIONS[0]}')]"
    )
    assert answer == [[7, 2, 1]] * 4


def test_response_has_the_id_the_model_and_the_version(ask: Any) -> None:
    response = ask("infer(images, request_id='mine', priority=1, timeout=1000).get_response()")
    assert (response["id"], response["model_name"], response["model_version"]) == ("mine", "digits", NEWEST)


def test_picture_files_as_bytes(ask: Any) -> None:
    assert ask("[digits(files, 'BYTES'), digits(files[:, None], 'BYTES')]") == [[7, 2, 1]] * 2


def test_classification_in_binary_and_json(ask: Any) -> None:
    answer = ask(
        "[[[str(text, 'utf-8') if isinstance(text, bytes) else text for text in row]"
        " for row in infer(images, outputs=wanted(binary, 2)).as_numpy('probabilities').tolist()]"
        " for binary in (True, False)]"
    )
    assert answer[0] == answer[1]
    for row, digit in zip(answer[0], (7, 2, 1), strict=True):
        value, index, label = row[0].split(":")
        assert (index, label) == (str(digit), str(digit))
        assert float(value) > 0.9
        assert len(row) == 2


def test_many_requests_over_several_connections(ask: Any) -> None:
    answer = ask(
        "(lambda many: [r.get_result().as_numpy('probabilities').argmax(axis=1).tolist() for r in"
        " [many.async_infer('digits', given(images[i % 3:i % 3 + 1], 'UINT8', True)) for i in range(60)]])"
        "(triton.InferenceServerClient(address, concurrency=8))"
    )
    assert answer == [[7], [2], [1]] * 20


def test_statistics_grow(ask: Any) -> None:
    before, _, after, everything = ask(
        "[client.get_inference_statistics('digits'), digits(images), client.get_inference_statistics('digits', '"
        + NEWEST
        + "'),"
        " client.get_inference_statistics()]"
    )
    (*_, before), (after,) = before["model_stats"], after["model_stats"]
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["execution_count"] - before["execution_count"] == 1
    assert [version["name"] for version in everything["model_stats"]] == [
        *(["digits"] * len(VERSIONS)),
        *(["digits-mlp"] * len(MLP_VERSIONS)),
    ]


def test_problems_become_the_clients_exceptions(ask: Any) -> None:
    wrong_shape, unknown, unknown_input = ask(
        "[refusal(infer, images[:, :27]), refusal(infer, images, model='letters'),"
        " refusal(client.infer, 'digits', [triton.InferInput('x', [1], 'UINT8')])]"
    )
    assert wrong_shape[0] == "400"
    assert wrong_shape[1].startswith("The shape [3, 27, 28] does not fit images")
    assert unknown == ["404", "There is no model 'letters'. Served: digits, digits-mlp."]
    assert "'image'" in unknown_input[1]


def test_index_load_and_unload(ask: Any) -> None:
    answer = ask(
        "[client.get_model_repository_index(), client.unload_model('digits-mlp', admin),"
        " client.is_model_ready('digits-mlp'),"
        " client.get_model_repository_index(), refusal(infer, images, model='digits-mlp'),"
        " client.load_model('digits-mlp', admin), client.is_model_ready('digits-mlp'),"
        " digits(images, model='digits-mlp'),"
        " refusal(client.load_model, 'digits-mlp', admin, config='{}'),"
        " refusal(client.load_model, 'letters', admin), refusal(client.load_model, 'digits')]"
    )
    assert answer[0][-1] == {"name": "digits-mlp", "version": MLP_VERSIONS[-1], "state": "READY", "reason": ""}
    assert answer[2] is False
    states = ["READY"] * len(VERSIONS) + ["UNAVAILABLE"] * len(MLP_VERSIONS)
    assert [entry["state"] for entry in answer[3]] == states
    assert answer[4][0] == "404"
    assert answer[6:8] == [True, [7, 2, 1]]
    assert [status for status, _ in answer[8:]] == ["400", "404", "401"]


def test_disabled_administration_says_so(pictures: Path) -> None:
    with serving("--device", "cpu") as service:
        status, message = answer_of(service, pictures, "refusal(client.unload_model, 'digits')")
    assert status == "403"
    assert "admin_keys" in message
