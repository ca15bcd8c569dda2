"""With an int8 graph the service answers as with the float32 graph it was made from, in every protocol."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.repository.manifest import GRAPH_FILE
from app.settings import Settings
from tests.conftest import NEWEST
from tests.support.digit_pages import digit_page
from tests.support.invocations import invoke
from tests.support.model_versions import add_int8
from tests.support.pictures import encode
from tests.support.predictions import post_files
from tests.support.served_client import ServedClient
from tests.support.v1_requests import PREDICT, ask
from tests.support.v2_requests import INFER, in_binary, probabilities_of
from training.compression import quantize
from training.datasets.mnist import Digits

DIGITS = 20  # sent in each request
TOLERANCE = 0.1  # of a probability; of nearly all it is far less

Predictions = NDArray[np.float32]  # (n, 10)
Ask = Callable[[TestClient, Digits], Predictions]


@pytest.fixture(scope="module")
def int8_client(models: Path, test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("models")
    folder = Path(shutil.copytree(models / "digits" / NEWEST, root / "digits" / NEWEST))
    add_int8(folder, quantize((folder / GRAPH_FILE).read_bytes(), test_digits.images[5000:5500]))
    with ServedClient(create_app(Settings(models=root, device="cpu", precision="int8"))) as client:
        yield client


def predict(client: TestClient, digits: Digits) -> Predictions:
    answer = post_files(client, [encode(image) for image in digits.images]).json()
    return rows([prediction["probabilities"] for prediction in answer["predictions"]])


def v1(client: TestClient, digits: Digits) -> Predictions:
    return rows(ask(client, {"instances": digits.images.tolist()}, PREDICT).json()["predictions"])


def v2(client: TestClient, digits: Digits) -> Predictions:
    body, headers = in_binary(digits.images.tobytes(), list(digits.images.shape))
    return probabilities_of(client.post(INFER, content=body, headers=headers))


def invocations(client: TestClient, digits: Digits) -> Predictions:
    body = "\n".join(",".join(map(str, image.ravel())) for image in digits.images)
    return rows(invoke(client, body.encode(), "text/csv").json()["predictions"])


def explain(client: TestClient, digits: Digits) -> Predictions:
    answers = [client.post("/explain", content=encode(image)).json() for image in digits.images[:2]]
    return rows([answer["prediction"]["probabilities"] for answer in answers])


def rows(probabilities: Any) -> Predictions:
    return np.array(probabilities, np.float32)


@pytest.mark.parametrize("ask_in_protocol", [predict, v1, v2, invocations, explain])
def test_digits_are_equal_and_probabilities_near(
    int8_client: TestClient, client: TestClient, test_digits: Digits, ask_in_protocol: Ask
) -> None:
    digits = test_digits[:DIGITS]
    int8, float32 = ask_in_protocol(int8_client, digits), ask_in_protocol(client, digits)
    assert (int8.argmax(axis=1) == float32.argmax(axis=1)).all()
    assert 0 < np.abs(int8 - float32).max() < TOLERANCE  # not zero: it is another graph


def test_page_is_read_the_same(int8_client: TestClient, client: TestClient, test_digits: Digits) -> None:
    page = encode(digit_page(test_digits, [[0, 1, 2, 3], [4, 5]]))
    assert int8_client.post("/read", content=page).json()["text"] == "7210\n41"
    assert client.post("/read", content=page).json()["text"] == "7210\n41"


def test_models_and_health_say_that_the_graph_is_int8(int8_client: TestClient) -> None:
    (listed,) = int8_client.get("/models/digits").json()
    (loaded,) = int8_client.get("/health").json()["models"]
    assert (listed["precision"], loaded["precision"]) == ("int8", "int8")
    assert len(listed["manifest"]["int8"]["sha256"]) == 64
