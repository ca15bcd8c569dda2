"""POST /explain, and :explain of the V1 protocol."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.inference.explanation import MAX_IMAGES
from tests.conftest import PREVIOUS
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from tests.support.v1_requests import ONE


def test_explanation_comes_with_the_prediction(client: TestClient, seven_png: bytes) -> None:
    answer = client.post("/explain?return_image=true", content=seven_png).json()
    predicted = client.post("/predict?return_image=true", content=seven_png).json()
    assert answer["model"] == predicted["model"]
    assert answer["prediction"]["digit"] == answer["explanation"]["digit"] == 7
    assert answer["prediction"]["image"] == predicted["predictions"][0]["image"]
    assert answer["prediction"]["probabilities"] == pytest.approx(
        predicted["predictions"][0]["probabilities"], abs=1e-5
    )
    assert np.shape(answer["explanation"]["attributions"]) == (28, 28)


def test_any_digit_can_be_explained_not_only_the_predicted_one(client: TestClient, seven_png: bytes) -> None:
    answer = client.post("/explain?digit=1", content=seven_png).json()
    assert (answer["prediction"]["digit"], answer["explanation"]["digit"]) == (7, 1)
    assert answer["explanation"]["score"] < 0


def test_any_form_of_request_is_explained(client: TestClient, seven_png: bytes) -> None:
    form = client.post("/explain", files={"file": seven_png})
    text = client.post("/explain", json={"images": [base64.b64encode(seven_png).decode()]})
    assert form.json() == text.json() == client.post("/explain", content=seven_png).json()


def test_answer_is_a_coloured_picture_for_clients_that_accept_png(client: TestClient, seven_png: bytes) -> None:
    answer = client.post("/explain", content=seven_png, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (280, 280), "RGB")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("IMAGE/PNG", "image/png"),
        ("image/png, application/json;q=0.9", "image/png"),
        ("application/json, image/png;q=0.5", "application/json"),
        ("image/png;q=0", "application/json"),
        ("image/png;q=0, */*", "application/json"),
        ("*/*", "application/json"),
    ],
)
def test_answer_is_of_the_kind_that_the_client_prefers(
    client: TestClient, seven_png: bytes, accept: str, kind: str
) -> None:
    assert client.post("/explain", content=seven_png, headers={"Accept": accept}).headers["content-type"] == kind


@pytest.mark.parametrize("digit", ["10", "-1", "seven", "1.0", "\u0661"])
def test_digit_parameter_must_be_0_to_9(client: TestClient, seven_png: bytes, digit: str) -> None:
    response = client.post("/explain", params={"digit": digit}, content=seven_png)
    assert "0 to 9" in assert_problem(response, 400, "invalid-request")["detail"]


def test_one_picture_is_explained_at_a_time(client: TestClient, seven_png: bytes) -> None:
    response = client.post("/explain", files=[("file", seven_png), ("file", seven_png)])
    assert_problem(response, 413, "too-many-pictures")


def test_bad_picture_or_model_is_refused_as_for_predict(client: TestClient, seven_png: bytes) -> None:
    blank = encode(np.full((50, 50), 255, np.uint8))
    assert_problem(client.post("/explain", content=blank), 422, "blank-picture")
    assert_problem(client.post("/explain", content=b"a shopping list"), 415, "unsupported-picture")
    assert_problem(client.post("/explain?model=nobody", content=seven_png), 404, "model-not-found")


def test_kserve_gets_explanations_beside_the_predictions(client: TestClient, seven: NDArray[np.uint8]) -> None:
    document = {"instances": [seven.tolist(), ONE]}
    answer = client.post("/v1/models/digits:explain", json=document).json()
    predicted = client.post("/v1/models/digits:predict", json=document).json()
    assert np.array(answer["predictions"]) == pytest.approx(np.array(predicted["predictions"]), abs=1e-5)
    assert [explanation["digit"] for explanation in answer["explanations"]] == [7, 1]
    for explanation in answer["explanations"]:
        difference = explanation["score"] - explanation["blank_score"]
        assert np.sum(explanation["attributions"]) == pytest.approx(difference, rel=1e-4)


def test_kserve_request_with_a_blank_image_is_refused(client: TestClient, seven: NDArray[np.uint8]) -> None:
    document = {"instances": [seven.tolist(), [[0] * 28] * 28]}
    problem = assert_problem(client.post("/v1/models/digits:explain", json=document), 422, "blank-picture")
    assert problem["picture"] == 1


def test_kserve_request_may_name_a_version_and_send_pictures(client: TestClient, seven_png: bytes) -> None:
    document = {"instances": [{"b64": base64.b64encode(seven_png).decode()}]}
    latest = client.post("/v1/models/digits:explain", json=document).json()
    assert client.post(f"/v1/models/digits/versions/{PREVIOUS}:explain", json=document).json() != latest


def test_kserve_request_of_too_many_images_is_refused(client: TestClient) -> None:
    document = {"instances": [ONE] * (MAX_IMAGES + 1)}
    assert_problem(client.post("/v1/models/digits:explain", json=document), 413, "too-many-pictures")
    assert client.get("/v1/models/digits:explain").status_code == 405
