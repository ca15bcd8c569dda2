"""POST /read over the real models, as a client sees it."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.api.test_digits import assert_problem
from tests.app.conftest import encode
from tests.app.preprocessing.test_decode import png_of_size
from training.datasets.mnist import Digits


def sheet_of(digits: Digits, rows: Sequence[Sequence[int]], height: int = 84) -> NDArray[np.uint8]:
    """Dark digits on white paper, a row of those with these indices below the other."""
    blank = np.zeros((height, height), np.uint8)
    wide = max(map(len, rows))
    padded = [[enlarged(digits.images[index], height) for index in row] + [blank] * (wide - len(row)) for row in rows]
    return 255 - np.pad(np.concatenate([np.concatenate(row, axis=1) for row in padded]), 20)


def enlarged(digit: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(digit, (height, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="module")
def page(test_digits: Digits) -> NDArray[np.uint8]:
    """7210 above 41 (MNIST's first six test digits)."""
    assert test_digits.labels[:6].tolist() == [7, 2, 1, 0, 4, 1]
    return sheet_of(test_digits, [[0, 1, 2, 3], [4, 5]])


def post(client: TestClient, content: bytes, **options: Any) -> Any:
    return client.post("/read", content=content, headers={"Content-Type": "image/png"}, **options)


def answer(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def test_page_is_answered_as_documented(client: TestClient, page: NDArray[np.uint8]) -> None:
    read = answer(post(client, encode(page)))
    assert read.keys() == {"model", "text", "lines", "digits"}
    assert read["model"] == {
        "name": "digits",
        "version": client.get("/models/digits").json()[-1]["manifest"]["version"],
    }
    assert read["text"] == "7210\n41"
    assert read["lines"] == ["7210", "41"]
    assert [each["digit"] for each in read["digits"]] == [7, 2, 1, 0, 4, 1]
    for each in read["digits"]:
        assert each.keys() == {"digit", "confidence", "accepted", "box"}
        assert 0.9 < each["confidence"] <= 1
        assert each["accepted"] is True


def test_boxes_are_around_the_ink_of_their_digits(client: TestClient, page: NDArray[np.uint8]) -> None:
    for index, each in enumerate(answer(post(client, encode(page)))["digits"]):
        row, column = divmod(index, 4)
        cell = page[20 + 84 * row : 104 + 84 * row, 20 + 84 * column : 104 + 84 * column]
        x, y, width, height = cv2.boundingRect((cell < 255 - 48).astype(np.uint8))
        assert np.allclose(each["box"], [20 + 84 * column + x, 20 + 84 * row + y, width, height], atol=2)


def test_boxes_are_in_pixels_of_the_picture_as_it_was_sent_however_large(
    client: TestClient, page: NDArray[np.uint8]
) -> None:
    large = cv2.resize(page, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    boxes, large_boxes = (
        np.array([each["box"] for each in answer(post(client, content))["digits"]])
        for content in (encode(page), encode(np.asarray(large, np.uint8)))
    )
    assert np.allclose(large_boxes, boxes * 8, atol=16)


def test_boxes_of_a_turned_photo_are_upright(client: TestClient, page: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the pixels must be turned a quarter to the right
    sideways = encode(np.ascontiguousarray(np.rot90(page)), "JPEG", exif=exif, quality=95)
    read, upright = answer(post(client, sideways)), answer(post(client, encode(page)))
    assert read["text"] == upright["text"]
    for one, other in zip(read["digits"], upright["digits"], strict=True):
        assert np.allclose(one["box"], other["box"], atol=3)


def test_every_form_of_a_body_is_read(client: TestClient, page: NDArray[np.uint8]) -> None:
    content = encode(page)
    encoded = base64.b64encode(content).decode()
    raw = answer(post(client, content))
    assert answer(client.post("/read", files={"page": ("page.png", content)})) == raw
    assert answer(client.post("/read", json={"images": [encoded]})) == raw
    assert answer(client.post("/read", json={"images": ["data:image/png;base64," + encoded]})) == raw


def test_light_ink_on_dark_paper_reads_the_same(client: TestClient, page: NDArray[np.uint8]) -> None:
    assert answer(post(client, encode(255 - page)))["text"] == "7210\n41"


def test_every_model_reads_pages(client: TestClient, page: NDArray[np.uint8]) -> None:
    for listed in client.get("/models").json()["models"]:
        model = {name: listed["manifest"][name] for name in ("name", "version")}
        read = answer(post(client, encode(page), params={"model": model["name"], "version": model["version"]}))
        assert read["model"] == model
        assert read["text"] == "7210\n41"


def test_what_is_below_the_threshold_is_not_accepted(client: TestClient, test_digits: Digits) -> None:
    """Half of one digit over half of another is no digit one can be sure of."""
    mixed = np.concatenate([test_digits.images[:40, :14], test_digits.images[40:80, 14:]], axis=1)
    rows = np.arange(40).reshape(5, 8).tolist()
    read = answer(post(client, encode(sheet_of(Digits(mixed, test_digits.labels[:40]), rows))))
    limit = client.get("/models/digits").json()[-1]["manifest"]["threshold"]
    assert {each["accepted"] for each in read["digits"]} == {True, False}
    assert all(each["accepted"] == (each["confidence"] >= limit) for each in read["digits"])


def test_one_mnist_digit_is_a_page_too(client: TestClient, seven_png: bytes) -> None:
    assert answer(post(client, seven_png))["text"] == "7"


def test_points_and_dashes_between_digits_are_passed_over(client: TestClient, test_digits: Digits) -> None:
    page = sheet_of(test_digits, [[0, 1, 2, 3]])
    page[88:94, 20 + 84 - 4 : 20 + 84 + 2] = 0
    page[58:63, 20 + 2 * 84 - 14 : 20 + 2 * 84 + 10] = 0
    assert answer(post(client, encode(page)))["text"] == "7210"


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


def test_more_digits_than_a_request_may_hold_are_refused(models: Any, test_digits: Digits) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", max_pictures=4))) as client:
        assert len(answer(post(client, encode(sheet_of(test_digits, [[0, 1, 2, 3]]))))["digits"]) == 4
        problem = assert_problem(post(client, encode(sheet_of(test_digits, [[0, 1, 2, 3, 4]]))), 413, "too-many-digits")
        assert "send a part of it" in problem["detail"]


def test_texture_is_refused(client: TestClient) -> None:
    cross = np.zeros((20, 20), np.uint8)
    cross[4:16, 9:11] = cross[9:11, 4:16] = 255
    assert_problem(post(client, encode(np.tile(cross, (40, 40)))), 413, "too-many-digits")


def test_noise_is_answered_in_time(client: TestClient) -> None:
    """A million pixels of it, connected and not. The processor's time is taken: others may use the machine."""
    rng = np.random.default_rng(0)
    for share in (0.02, 0.1, 0.5):
        noise = (rng.random((1000, 1000)) < share).astype(np.uint8) * 255
        began = time.process_time()
        assert post(client, encode(noise)).status_code in (200, 413, 422)
        assert time.process_time() - began < 5
