"""Pictures as a raw body, as files of a form and as base64 in JSON, through /predict."""

from __future__ import annotations

import base64
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.http.large_bodies import SMALL_BODY
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


# --- the ways in which clients wrap pictures --------------------------------------------------------------------------


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def with_plus(seven: NDArray[np.uint8]) -> bytes:
    """A picture whose base64 has both of the characters that differ between its alphabets."""
    for level in range(10):
        content = encode(seven, compress_level=level)
        if all(character in base64.b64encode(content) for character in (b"+", b"/")):
            return content
    raise AssertionError


def texts_of(content: bytes) -> dict[str, str]:
    """One picture in base64 and as data URLs, as clients write them."""
    text = base64.b64encode(content).decode()
    quoted = "".join(f"%{byte:02x}" for byte in content)
    return {
        "base64": text,
        "without padding": text.rstrip("="),
        "the URL alphabet": base64.urlsafe_b64encode(content).decode().rstrip("="),
        "lines of 76": base64.encodebytes(content).decode(),
        "lines of 64, CRLF": "\r\n".join(text[i : i + 64] for i in range(0, len(text), 64)),
        "spaces every 76": " ".join(text[i : i + 76] for i in range(0, len(text), 76)),
        "plus signs as spaces": text.replace("+", " "),
        "spaces around": f"  {text}\n",
        "data URL": data_url(content),
        "data URL in capitals": data_url(content).replace("data:image/png;base64", "DATA:IMAGE/PNG;BASE64"),
        "data URL without a type": data_url(content, ""),
        "data URL with a parameter": data_url(content, "image/png;name=a.png"),
        "data URL, base64 with escapes": data_url(content).replace("+", "%2B").replace("=", "%3D"),
        "data URL, bytes with escapes": f"data:image/png,{quoted}",
    }


TEXTS = list(texts_of(b""))


@pytest.mark.parametrize("kind", TEXTS)
def test_base64_and_data_urls_are_read_in_json_in_forms_and_as_bodies(
    client: TestClient, seven: NDArray[np.uint8], kind: str
) -> None:
    text = texts_of(with_plus(seven))[kind]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    field = quote(text).replace("%2B", "+")  # few clients encode it
    for response in (
        client.post("/predict", json={"images": [text]}),
        client.post("/predict", json={"image": text}),
        client.post("/predict", json=text),
        client.post("/predict", content=text),
        client.post("/predict", content=text, headers=form),
        client.post("/predict", content="name=x&image=" + field, headers=form),
        client.post("/predict", files={"image": (None, text)}),
        client.post("/predict", files={"image": ("seven.txt", text)}),
        client.post("/invocations", content=text, headers={"Content-Type": "text/plain"}),
    ):
        assert digits_of(response) == [7]
    answer = client.post("/v1/models/digits:predict", json={"instances": [{"b64": text}]})
    assert np.argmax(answer.json()["predictions"]) == 7


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'text/json;charset="utf-8"',
        "application/vnd.api+json",
        "x/y",
    ],
)
def test_media_type_of_json_is_read_without_case_and_parameters(
    client: TestClient, seven_png: bytes, kind: str
) -> None:
    body = b'\xef\xbb\xbf\n{"images": ["' + base64.b64encode(seven_png) + b'"]}'
    for path in ("/predict", "/invocations"):
        assert digits_of(client.post(path, content=body, headers={"Content-Type": kind})) == [7]
    for path in ("/read", "/explain"):
        assert client.post(path, content=body, headers={"Content-Type": kind}).status_code == 200


def test_json_in_utf_16_is_refused_by_its_name_on_every_route(client: TestClient) -> None:
    body = '{"images": ["x"]}'.encode("utf-16")
    for path in (
        "/predict",
        "/read",
        "/explain",
        "/invocations",
        "/v1/models/digits:predict",
        "/v2/models/digits/infer",
    ):
        assert "UTF-16" in assert_problem(client.post(path, content=body), 400, "invalid-request")["detail"]


def test_json_with_both_members_is_refused(client: TestClient) -> None:
    problem = assert_problem(client.post("/predict", json={"images": ["x"], "image": "x"}), 400, "invalid-request")
    assert "both" in problem["detail"]


def test_member_that_is_null_is_absent(client: TestClient, seven_png: bytes) -> None:
    """As clients send it that write every member of a class."""
    text = base64.b64encode(seven_png).decode()
    for document in ({"image": None, "images": [text]}, {"images": None, "image": text}):
        assert digits_of(client.post("/predict", json=document)) == [7]


NUMBERS = {
    "the bytes of a file": {"image": [137, 80, 78, 71] * 100},
    "the bytes of two files": {"images": [[137, 80, 78, 71] * 100] * 2},
    "a Uint8Array": {"image": {"0": 137, "1": 80}},
    "some of them": {"images": [{"0": 137, "1": 80}]},
    "an image": {"images": [[[0] * 28] * 28]},
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_in_place_of_base64_are_refused_with_the_ways_for_both(client: TestClient, kind: str) -> None:
    detail = assert_problem(client.post("/predict", json=NUMBERS[kind]), 400, "invalid-request")["detail"]
    assert "must be a string: a picture file in base64" in detail
    assert "Numbers of images go to /v1, /v2 or /invocations." in detail


def test_parameter_in_the_body_is_refused_with_its_place_in_the_query(client: TestClient, seven_png: bytes) -> None:
    text = base64.b64encode(seven_png).decode()
    file = {"image": ("seven.png", seven_png)}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for response, name in (
        (client.post("/predict", json={"images": [text], "model": "digits-mlp"}), "model"),
        (client.post("/predict?on_error=each", json={"images": [text], "on_error": "each"}), "on_error"),
        (client.post("/predict", files=file, data={"version": "1"}), "version"),
        (client.post("/predict", content="return_image=true&image=" + quote(text), headers=form), "return_image"),
        (client.post("/explain", json={"image": text, "digit": 7}), "digit"),
        (client.post("/read", json={"image": text, "length": 1}), "length"),
        (client.post("/read", files=file, data={"pages": "2"}), "pages"),
        (client.post("/read", content="template=meter&image=" + quote(text), headers=form), "template"),
    ):
        assert f"in the query, as ?{name}=" in assert_problem(response, 400, "invalid-request")["detail"]


def test_other_fields_and_those_that_are_empty_are_ignored(client: TestClient, seven_png: bytes) -> None:
    """Those of another route too: a page may send its whole form."""
    text = base64.b64encode(seven_png).decode()
    document = {"images": [text], "digit": 7, "author": "me", "model": None}
    assert digits_of(client.post("/predict", json=document)) == [7]
    fields = {"digit": "7", "author": "me", "model": ""}
    assert digits_of(client.post("/predict", files={"model": ("", seven_png)}, data=fields)) == [7]


def test_large_picture_in_base64_is_read(client: TestClient, seven: NDArray[np.uint8]) -> None:
    """Beside the event loop, and in pieces."""
    content = encode(np.asarray(cv2.resize(seven, (900, 900))), "BMP")
    assert len(content) > 2 * SMALL_BODY
    for text in texts_of(content).values():
        if " " not in text:
            assert digits_of(client.post("/predict", json={"images": [text]})) == [7]


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
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'),
        ("application/x-www-form-urlencoded", b"model=digits&note=hello"),
    ],
)
def test_broken_form_is_refused(client: TestClient, kind: str, body: bytes) -> None:
    assert_problem(client.post("/predict", content=body, headers={"Content-Type": kind}), 400, "invalid-request")
