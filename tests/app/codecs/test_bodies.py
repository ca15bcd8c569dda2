"""Pictures as a raw body, as files of a form and as base64 in JSON, through /predict."""

from __future__ import annotations

import base64

import pytest
from starlette.testclient import TestClient

from tests.support.pictures import encode
from tests.support.predictions import digits_of, post_files, post_picture
from tests.support.problems import assert_problem
from training.datasets.mnist import Digits


def test_content_type_of_a_raw_picture_does_not_matter(client: TestClient, seven_png: bytes) -> None:
    for kind in ("application/octet-stream", "application/x-www-form-urlencoded", "text/plain", "image/gif"):
        assert digits_of(client.post("/predict", content=seven_png, headers={"Content-Type": kind})) == [7]


def test_files_of_a_form_are_answered_in_order(client: TestClient, test_digits: Digits) -> None:
    pictures = [encode(image) for image in test_digits.images[:5]]
    assert digits_of(post_files(client, pictures)) == test_digits.labels[:5].tolist()


def test_base64_and_data_urls_in_json_are_answered_in_order(client: TestClient, test_digits: Digits) -> None:
    encoded = [base64.b64encode(encode(image)).decode() for image in test_digits.images[:3]]
    encoded[1] = "data:image/png;base64," + encoded[1]
    encoded[2] = encoded[2][:76] + "\n" + encoded[2][76:] + "\n"  # as the command base64 breaks its lines
    response = client.post("/predict", json={"images": encoded})
    assert digits_of(response) == test_digits.labels[:3].tolist()


def test_json_is_parsed_whatever_content_type_curl_sends(client: TestClient, seven_png: bytes) -> None:
    body = '{"images": ["' + base64.b64encode(seven_png).decode() + '"]}'
    response = client.post("/predict", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert digits_of(response) == [7]


def test_empty_body_is_refused(client: TestClient) -> None:
    assert_problem(post_picture(client, b""), 400, "invalid-request")


def test_too_many_pictures_are_refused(client: TestClient, seven_png: bytes) -> None:
    assert_problem(post_files(client, [seven_png] * 257), 413, "too-many-pictures")
    encoded = base64.b64encode(seven_png).decode()
    assert_problem(client.post("/predict", json={"images": [encoded] * 257}), 413, "too-many-pictures")


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"images": [', b'{"images": []}', b'{"pictures": ["x"]}', b'{"images": "x"}', b'{"images": [1]}', b"{}"],
)
def test_broken_or_wrong_json_is_refused(client: TestClient, body: bytes) -> None:
    assert_problem(client.post("/predict", content=body), 400, "invalid-request")


def test_json_other_than_an_object_is_refused(client: TestClient) -> None:
    response = client.post("/predict", content=b"[1, 2]", headers={"Content-Type": "application/json"})
    assert_problem(response, 400, "invalid-request")


@pytest.mark.parametrize("text", ["%%%", "abcde", "data:image/png;base64,%%%", "é"])
def test_broken_base64_is_refused(client: TestClient, seven_png: bytes, text: str) -> None:
    good = base64.b64encode(seven_png).decode()
    problem = assert_problem(client.post("/predict", json={"images": [good, text]}), 400, "invalid-request")
    assert problem["picture"] == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'),
    ],
)
def test_broken_form_is_refused(client: TestClient, kind: str, body: bytes) -> None:
    assert_problem(client.post("/predict", content=body, headers={"Content-Type": kind}), 400, "invalid-request")
