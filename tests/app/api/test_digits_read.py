"""POST /read over the real models."""

from __future__ import annotations

import base64
import time
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.main import create_app
from app.preprocessing.pool import Job, thread_pool
from app.segmentation.decoding.reading import SIGN_THRESHOLD
from app.settings import Settings
from tests.conftest import NEWEST
from tests.support.digit_pages import digit_page
from tests.support.pictures import encode, png_of_size
from tests.support.problems import assert_problem
from training.datasets.mnist import Digits


@pytest.fixture(scope="module")
def page(test_digits: Digits) -> NDArray[np.uint8]:
    """7210 above 41 (MNIST's first six test digits)."""
    assert test_digits.labels[:6].tolist() == [7, 2, 1, 0, 4, 1]
    return digit_page(test_digits, [[0, 1, 2, 3], [4, 5]])


def post(client: TestClient, content: bytes, **options: Any) -> Any:
    return client.post("/read", content=content, headers={"Content-Type": "image/png"}, **options)


def read(client: TestClient, content: bytes, **options: Any) -> dict[str, Any]:
    """The response to a picture that can be read."""
    return page_of(post(client, content, **options))


def page_of(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def rounded(value: Any) -> Any:
    """With probabilities of five digits: the last ones depend on how many threads share a product of matrices."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value


def test_page_is_answered_as_documented(client: TestClient, page: NDArray[np.uint8]) -> None:
    document = read(client, encode(page))
    assert document.keys() == {"model", "text", "lines", "digits", "readings", "page"}
    assert document["model"] == {"name": "digits", "version": int(NEWEST)}
    assert document["text"] == "7210\n41"
    assert document["lines"] == ["7210", "41"]
    assert [digit["digit"] for digit in document["digits"]] == [7, 2, 1, 0, 4, 1]
    for digit in document["digits"]:
        assert digit.keys() == {"digit", "confidence", "accepted", "box"}
        assert 0.9 < digit["confidence"] <= 1
        assert digit["accepted"] is True


def test_page_that_is_upright_takes_three_turns_of_a_thread(
    client: TestClient, page: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each of them it waits for the jobs of others."""
    turns: list[Job] = []
    submit = thread_pool.submit

    def counted(job: Job) -> None:
        turns.append(job)
        submit(job)

    monkeypatch.setattr(thread_pool, "submit", counted)
    read(client, encode(page))
    assert len(turns) == 3


def test_boxes_are_around_the_ink_of_their_digits(client: TestClient, page: NDArray[np.uint8]) -> None:
    for index, digit in enumerate(read(client, encode(page))["digits"]):
        row, column = divmod(index, 4)
        cell = page[20 + 84 * row : 104 + 84 * row, 20 + 84 * column : 104 + 84 * column]
        x, y, width, height = cv2.boundingRect((cell < 255 - 48).astype(np.uint8))
        assert np.allclose(digit["box"], [20 + 84 * column + x, 20 + 84 * row + y, width, height], atol=2)


def test_boxes_are_in_pixels_of_the_picture_as_sent_however_large(client: TestClient, page: NDArray[np.uint8]) -> None:
    large = cv2.resize(page, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    boxes, large_boxes = (
        np.array([digit["box"] for digit in read(client, content)["digits"]])
        for content in (encode(page), encode(np.asarray(large, np.uint8)))
    )
    assert np.allclose(large_boxes, boxes * 8, atol=16)


def test_boxes_of_a_rotated_photo_are_upright(client: TestClient, page: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    sideways = encode(np.ascontiguousarray(np.rot90(page)), "JPEG", exif=exif, quality=95)
    rotated, upright = read(client, sideways), read(client, encode(page))
    assert rotated["text"] == upright["text"]
    for one, other in zip(rotated["digits"], upright["digits"], strict=True):
        assert np.allclose(one["box"], other["box"], atol=3)


def test_every_form_of_a_body_is_read(client: TestClient, page: NDArray[np.uint8]) -> None:
    content = encode(page)
    encoded = base64.b64encode(content).decode()
    raw = rounded(read(client, content))
    assert rounded(page_of(client.post("/read", files={"page": ("page.png", content)}))) == raw
    assert rounded(page_of(client.post("/read", json={"images": [encoded]}))) == raw
    assert rounded(page_of(client.post("/read", json={"images": ["data:image/png;base64," + encoded]}))) == raw


def test_light_ink_on_dark_paper_reads_the_same(client: TestClient, page: NDArray[np.uint8]) -> None:
    assert read(client, encode(255 - page))["text"] == "7210\n41"


def test_every_model_reads_pages(client: TestClient, page: NDArray[np.uint8]) -> None:
    for listed in client.get("/models").json()["models"]:
        model = {name: listed["manifest"][name] for name in ("name", "version")}
        document = read(client, encode(page), params={"model": model["name"], "version": model["version"]})
        assert document["model"] == model
        assert document["text"] == "7210\n41"


def test_digit_below_the_threshold_is_not_accepted(client: TestClient, test_digits: Digits) -> None:
    """Half of one digit above half of another is a doubtful digit."""
    mixed = np.concatenate([test_digits.images[:40, :14], test_digits.images[40:80, 14:]], axis=1)
    rows = np.arange(40).reshape(5, 8).tolist()
    digits = read(client, encode(digit_page(Digits(mixed, test_digits.labels[:40]), rows)))["digits"]
    threshold = max(SIGN_THRESHOLD, client.get("/models/digits").json()[-1]["manifest"]["threshold"])
    accepted = [digit["accepted"] for digit in digits]
    assert set(accepted) == {True, False}
    assert accepted == [digit["confidence"] >= threshold for digit in digits]


def test_one_mnist_digit_is_a_page_too(client: TestClient, seven_png: bytes) -> None:
    assert read(client, seven_png)["text"] == "7"


def test_dash_between_digits_is_in_the_text_and_no_digit(client: TestClient, test_digits: Digits) -> None:
    page = digit_page(test_digits, [[0, 1, 2, 3]])
    page[58:65, 20 + 3 * 84 - 22 : 20 + 3 * 84 + 8] = 0
    document = read(client, encode(page))
    assert (document["text"].replace(" ", ""), document["lines"]) == ("721-0", ["7210"])


def test_blank_page_is_refused(client: TestClient) -> None:
    assert_problem(post(client, encode(np.full((100, 100), 255, np.uint8))), 422, "blank-picture")


def test_two_pictures_are_refused(client: TestClient, seven_png: bytes) -> None:
    files = [("page", ("page.png", seven_png))] * 2
    assert_problem(client.post("/read", files=files), 413, "too-many-pictures")


def test_bad_bodies_are_refused(client: TestClient, page: NDArray[np.uint8]) -> None:
    assert_problem(post(client, b""), 400, "invalid-request")
    assert_problem(post(client, b"no picture"), 415, "unsupported-picture")
    assert_problem(post(client, encode(page)[:-100]), 415, "unsupported-picture")
    assert_problem(post(client, png_of_size(50_000, 50_000)), 413, "too-many-pixels")
    assert_problem(client.post("/read", json={"images": []}), 400, "invalid-request")
    assert_problem(post(client, encode(page), params={"model": "letters"}), 404, "model-not-found")
    assert_problem(client.get("/read"), 405, "method-not-allowed")


def test_more_digits_than_the_limit_are_refused(models: Any, test_digits: Digits) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", max_pictures=4))) as client:
        assert len(read(client, encode(digit_page(test_digits, [[0, 1, 2, 3]])))["digits"]) == 4
        five_digits = encode(digit_page(test_digits, [[0, 1, 2, 3, 4]]))
        problem = assert_problem(post(client, five_digits), 413, "too-many-digits")
        assert "send a part of it" in problem["detail"]


def test_texture_is_refused(client: TestClient) -> None:
    cross = np.zeros((20, 20), np.uint8)
    cross[4:16, 9:11] = cross[9:11, 4:16] = 255
    assert_problem(post(client, encode(np.tile(cross, (40, 40)))), 413, "too-many-digits")


def test_noise_is_answered_in_time(client: TestClient) -> None:
    """A million pixels of noise, connected and not. Measures processor time: others may use the machine."""
    rng = np.random.default_rng(0)
    for share in (0.02, 0.1, 0.5):
        noise = (rng.random((1000, 1000)) < share).astype(np.uint8) * 255
        started = time.process_time()
        assert post(client, encode(noise)).status_code in (200, 413, 422)
        assert time.process_time() - started < 5
