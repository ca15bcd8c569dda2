"""POST /predict over the real models."""

from __future__ import annotations

import base64
import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.codecs.predictions import FailedPrediction, Prediction, Predictions
from app.main import create_app
from app.settings import Settings
from tests.conftest import NEWEST
from tests.support.pictures import encode, enlarged, png_of_size
from tests.support.predictions import digits_of, post_files, post_picture
from tests.support.problems import assert_problem
from tests.support.responses import assert_same_response
from training.datasets.mnist import Digits


def test_raw_picture_is_answered_as_documented(client: TestClient, seven_png: bytes) -> None:
    document = post_picture(client, seven_png).json()
    assert document["model"] == {"name": "digits", "version": int(NEWEST)}
    (prediction,) = document["predictions"]
    assert prediction["digit"] == 7
    assert len(prediction["probabilities"]) == 10
    assert 0.99 < sum(prediction["probabilities"]) <= 1 + 1e-5  # the remainder: that the picture is not a digit
    assert prediction["confidence"] == max(prediction["probabilities"]) > 0.9
    assert prediction["accepted"] is True
    assert "image" not in prediction


def test_more_pictures_than_a_batch_are_answered_in_order(client: TestClient, test_digits: Digits) -> None:
    pictures = [encode(image) for image in test_digits.images[:150]]
    digits = np.array(digits_of(post_files(client, pictures)))
    assert (digits == test_digits.labels[:150]).mean() > 0.97


def test_model_and_version_are_chosen_by_name(client: TestClient, seven_png: bytes) -> None:
    response = post_picture(client, seven_png, params={"model": "digits-mlp", "version": 1})
    assert response.json()["model"] == {"name": "digits-mlp", "version": 1}
    assert digits_of(response) == [7]


def test_return_image_shows_what_the_model_saw(client: TestClient, seven: NDArray[np.uint8]) -> None:
    response = post_picture(client, encode(255 - seven), params={"return_image": True})
    png = base64.b64decode(response.json()["predictions"][0]["image"])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), seven)


def test_digit_below_the_threshold_is_not_accepted(client: TestClient, test_digits: Digits) -> None:
    """Half of one digit above half of another is a doubtful digit."""
    mixed = np.concatenate([test_digits.images[:200, :14], test_digits.images[200:400, 14:]], axis=1)
    predictions = post_files(client, [encode(image) for image in mixed]).json()["predictions"]
    threshold = client.get("/models/digits").json()[-1]["manifest"]["threshold"]
    accepted = [prediction["accepted"] for prediction in predictions]
    assert set(accepted) == {True, False}
    assert accepted == [prediction["confidence"] >= threshold for prediction in predictions]


# --- bad requests ----------------------------------------------------------------------------------------------------


def test_text_that_claims_to_be_a_picture_is_refused(client: TestClient) -> None:
    problem = assert_problem(post_picture(client, b"I am a PNG"), 415, "unsupported-picture")
    assert "PNG, JPEG, WebP" in problem["detail"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_picture_is_refused(client: TestClient, kind: str, seven: NDArray[np.uint8]) -> None:
    content = encode(cv2.resize(seven, (100, 100)), kind)
    assert_problem(post_picture(client, content[: len(content) * 2 // 3]), 415, "unsupported-picture")


def test_decompression_bomb_is_refused(client: TestClient) -> None:
    assert_problem(post_picture(client, png_of_size(50_000, 50_000)), 413, "too-many-pixels")


def test_blank_picture_is_refused(client: TestClient) -> None:
    assert_problem(post_picture(client, encode(np.full((28, 28), 255, np.uint8))), 422, "blank-picture")


def test_bad_picture_among_good_ones_is_named_by_its_index(client: TestClient, seven_png: bytes) -> None:
    assert assert_problem(post_files(client, [seven_png, b"no"]), 415, "unsupported-picture")["picture"] == 1
    blank = encode(np.zeros((28, 28), np.uint8))
    assert assert_problem(post_files(client, [seven_png, seven_png, blank]), 422, "blank-picture")["picture"] == 2


def test_one_bad_picture_does_not_fail_the_others_if_each_is_answered(client: TestClient, seven_png: bytes) -> None:
    blank, wide = encode(np.zeros((28, 28), np.uint8)), png_of_size(50_000, 50_000)
    files = [b"no", seven_png, blank, seven_png, wide, b""]
    response = post_files(client, files, params={"on_error": "each", "return_image": True})
    predictions = Predictions.model_validate_json(response.content).predictions
    slugs = {0: "unsupported-picture", 2: "blank-picture", 4: "too-many-pixels", 5: "invalid-request"}
    for index, prediction in enumerate(predictions):
        if index in slugs:
            assert isinstance(prediction, FailedPrediction)
            assert prediction.error.type.endswith(slugs[index])
            assert prediction.error.picture == index
        else:
            assert isinstance(prediction, Prediction)
            assert prediction.digit == 7
            assert prediction.image
    assert response.json()["model"] == post_picture(client, seven_png).json()["model"]


def test_text_that_is_no_base64_fails_alone_too(client: TestClient, seven_png: bytes) -> None:
    images = ["%%%", base64.b64encode(seven_png).decode(), 7]
    for path in ("/predict", "/invocations"):
        response = client.post(path, json={"images": images}, params={"on_error": "each"})
        first, second, third = response.json()["predictions"]
        assert first["error"]["picture"] == 0
        assert second["digit"] == 7
        assert third["error"]["picture"] == 2


def test_each_is_answered_alike_where_all_pictures_are_good_or_bad(client: TestClient, seven_png: bytes) -> None:
    good = post_files(client, [seven_png] * 3).json()
    assert post_files(client, [seven_png] * 3, params={"on_error": "each"}).json() == good
    failed = post_picture(client, b"no", params={"on_error": "each"})
    assert [list(prediction) for prediction in failed.json()["predictions"]] == [["error"]]


def test_what_is_no_fault_of_a_picture_fails_the_request(client: TestClient, seven_png: bytes) -> None:
    query = {"on_error": "each"}
    assert_problem(post_files(client, [seven_png] * 257, params=query), 413, "too-many-pictures")
    assert_problem(client.post("/predict", content=b"{", params=query), 400, "invalid-request")
    assert_problem(post_picture(client, seven_png, params=query | {"model": "x"}), 404, "model-not-found")


@pytest.mark.parametrize("query", [{"model": "letters"}, {"version": 99}, {"model": "digits-mlp", "version": 0}])
def test_unknown_model_or_version_is_not_found(client: TestClient, seven_png: bytes, query: dict[str, Any]) -> None:
    assert_problem(post_picture(client, seven_png, params=query), 404, "model-not-found")
    assert_problem(client.get("/models/letters"), 404, "model-not-found")


def test_wrong_method_says_what_is_allowed(client: TestClient) -> None:
    response = client.get("/predict")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def test_unknown_route_is_not_found(client: TestClient) -> None:
    assert_problem(client.get("/nothing"), 404, "route-not-found")


def test_service_works_after_bad_requests(client: TestClient, seven_png: bytes) -> None:
    post_picture(client, b"")
    post_picture(client, png_of_size(50_000, 50_000))
    assert digits_of(post_picture(client, seven_png)) == [7]


def test_fast_path_and_fastapi_respond_alike(
    client: TestClient, plain_client: TestClient, seven_png: bytes, seven: NDArray[np.uint8]
) -> None:
    encoded = base64.b64encode(seven_png)
    bodies = [seven_png, encode(enlarged(seven)), encode(enlarged(seven), "JPEG"), b"", b"no picture", seven_png[:-9]]
    bodies += [encode(np.zeros((28, 28), np.uint8)), b'{"images": ["' + encoded + b'"]}', b'{"images": [1]}', b"{"]
    for content in bodies:
        for query in ("", "?model=digits-mlp", "?return_image=true", "?version=9", "?version=x", "?model=letters"):
            fast = client.post("/predict" + query, content=content)
            assert_same_response(fast, plain_client.post("/predict" + query, content=content))


def test_limits_are_settings(models: Any, seven_png: bytes) -> None:
    settings = Settings(models=models, device="cpu", max_pictures=1, max_pixels=1000, max_body_bytes=2000)
    with TestClient(create_app(settings)) as client:
        assert digits_of(post_picture(client, seven_png)) == [7]
        assert_problem(post_files(client, [seven_png] * 2), 413, "too-many-pictures")
        assert_problem(post_picture(client, encode(np.eye(40, dtype=np.uint8) * 255)), 413, "too-many-pixels")
        assert_problem(post_picture(client, bytes(2001)), 413, "body-too-large")


# --- accuracy, as it is served ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["digits", "digits-mlp"])
def test_served_accuracy_equals_the_manifests(client: TestClient, test_digits: Digits, model: str) -> None:
    *_, served = client.get(f"/models/{model}").json()
    pictures = [encode(image) for image in test_digits.images]
    assert accuracy(client, pictures, test_digits, model) == pytest.approx(
        stated_accuracy(served["manifest"]), abs=1e-9
    )


def stated_accuracy(manifest: dict[str, Any]) -> float:
    """The manifest's accuracy on MNIST's test digits."""
    metrics = [metric for metric in manifest["metrics"] if "MNIST test" in metric["data"]]
    (value,) = (metric["value"] for metric in metrics if metric["name"] == "accuracy")
    return float(value)


@pytest.mark.parametrize(
    ("model", "points", "count"),
    [
        ("digits", 0.15, 500),
        pytest.param("digits", 0.15, 10_000, marks=pytest.mark.slow),
        pytest.param("digits-mlp", 0.25, 10_000, marks=pytest.mark.slow),  # of 500, chance alone makes two more
    ],
)
def test_size_position_and_polarity_cost_little_accuracy(
    client: TestClient, test_digits: Digits, model: str, points: float, count: int
) -> None:
    """Digits enlarged 2 to 10 times, anywhere on a sheet of 400 x 300, half of them dark on light.

    `digits-mlp`, which has no convolutions, loses 0.19 points: 99.44 and 99.25 %.
    """
    rng = np.random.default_rng(0)
    digits = test_digits[:: len(test_digits) // count]
    fastest = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    sheets = [cv2.imencode(".png", on_sheet(image, rng), fastest)[1].tobytes() for image in digits.images]
    untouched = accuracy(client, [encode(image) for image in digits.images], digits, model)
    moved = accuracy(client, sheets, digits, model)
    print(f"{model}: untouched {untouched:.2%}, on sheets {moved:.2%}")
    # Of 500 digits one more may be misread: that is 0.2 points.
    assert moved >= untouched - max(points / 100, 1.5 / count)


def on_sheet(digit: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    side = round(28 * rng.uniform(2, 10))
    interpolation = rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
    sheet = np.zeros((300, 400), np.uint8)
    top, left = rng.integers(0, 300 - side + 1), rng.integers(0, 400 - side + 1)
    sheet[top : top + side, left : left + side] = cv2.resize(digit, (side, side), interpolation=int(interpolation))
    return 255 - sheet if rng.random() < 0.5 else sheet


def accuracy(client: TestClient, pictures: list[bytes], digits: Digits, model: str) -> float:
    predicted: list[int] = []
    for start in range(0, len(pictures), 200):
        predicted += digits_of(post_files(client, pictures[start : start + 200], params={"model": model}))
    return float((np.array(predicted) == digits.labels).mean())
