"""V2 requests: tensors and picture files, in JSON and in binary, and what is wrong with bad ones."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.arrays import Images, Probabilities
from tests.support.bad_v2_requests import BAD_BINARY, BAD_JSON
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from tests.support.v2_requests import (
    DTYPES,
    INFER,
    Body,
    good_requests,
    in_binary,
    in_json,
    output_of,
    probabilities_of,
    tensor,
    with_length,
)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 1), (3, 1, 28, 28), (3, 784)])
def test_every_shape_is_read_flat_nested_and_in_binary(
    client: TestClient, images: Images, expected: Probabilities, shape: tuple[int, ...]
) -> None:
    flat = in_json(tensor(images.ravel().tolist(), shape))
    nested = in_json(tensor(images.reshape(shape).tolist(), shape))
    content, headers = in_binary(images.tobytes(), shape)
    for response in (
        client.post(INFER, content=flat),
        client.post(INFER, content=nested),
        client.post(INFER, content=content, headers=headers),
    ):
        assert np.array_equal(probabilities_of(response), expected)


@pytest.mark.parametrize("datatype", sorted(DTYPES))
def test_every_datatype_is_read(client: TestClient, images: Images, expected: Probabilities, datatype: str) -> None:
    values = np.minimum(images, 127) if datatype == "INT8" else images
    if datatype == "INT8":  # 255 does not fit
        expected = probabilities_of(client.post(INFER, content=in_json(tensor(values.ravel().tolist()))))
    content, headers = in_binary(values.astype(DTYPES[datatype]).tobytes(), datatype=datatype)
    assert np.array_equal(probabilities_of(client.post(INFER, content=content, headers=headers)), expected)
    if datatype != "FP16":  # it has no form in JSON
        response = client.post(INFER, content=in_json(tensor(values.ravel().tolist(), datatype=datatype)))
        assert np.array_equal(probabilities_of(response), expected)


def test_floats_up_to_one_are_read_as_ink(client: TestClient, images: Images, expected: Probabilities) -> None:
    response = client.post(INFER, content=in_json(tensor((images / 255).ravel().tolist(), datatype="FP64")))
    assert np.array_equal(probabilities_of(response), expected)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_picture_files_are_read_of_any_size_and_polarity(
    client: TestClient, images: Images, expected: Probabilities, shape: tuple[int, ...]
) -> None:
    files = [encode(images[0]), encode(255 - images[1]), encode(np.kron(images[2], np.ones((5, 5), np.uint8)))]
    content, headers = in_binary(b"".join(map(with_length, files)), shape, "BYTES")
    binary = probabilities_of(client.post(INFER, content=content, headers=headers))
    assert np.allclose(binary[:2], expected[:2], atol=1e-6)
    assert binary.argmax(axis=1).tolist() == [7, 2, 1]
    strings = np.reshape([base64.b64encode(file).decode() for file in files], shape).tolist()
    from_strings = probabilities_of(client.post(INFER, content=in_json(tensor(strings, shape, "BYTES"))))
    assert np.array_equal(from_strings, binary)


def test_unknown_parameters_are_ignored(client: TestClient, images: Images) -> None:
    parameters = {"sequence_id": 1, "priority": 2, "triton_x": "y", "timeout": 5, "mine": True}
    body = in_json(tensor(images.tolist(), parameters={"content_type": "np"}), parameters=parameters, outputs=[])
    assert output_of(client.post(INFER, content=body))["shape"] == [3, 10]


# --- bad requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json_request_is_refused(client: TestClient, body: bytes) -> None:
    problem = assert_problem(client.post(INFER, content=body), 400, "invalid-request")
    assert len(problem["error"]) < 500


@pytest.mark.parametrize("body", BAD_BINARY.values(), ids=BAD_BINARY)
def test_bad_binary_request_is_refused(client: TestClient, body: Body) -> None:
    content, headers = body
    assert_problem(client.post(INFER, content=content, headers=headers), 400, "invalid-request")


def test_bad_picture_is_named_by_its_index(client: TestClient, images: Images) -> None:
    good = with_length(encode(images[0]))
    content, headers = in_binary(good + with_length(b"no picture"), [2], "BYTES")
    problem = assert_problem(client.post(INFER, content=content, headers=headers), 415, "unsupported-picture")
    assert problem["picture"] == 1
    content, headers = in_binary(with_length(encode(np.zeros((28, 28), np.uint8))), [1], "BYTES")
    assert_problem(client.post(INFER, content=content, headers=headers), 422, "blank-picture")


def test_too_many_pictures_are_refused_before_they_are_decoded(client: TestClient) -> None:
    content, headers = in_binary(bytes(4 * 257), [257], "BYTES")
    assert_problem(client.post(INFER, content=content, headers=headers), 413, "too-many-pictures")
    assert_problem(client.post(INFER, content=in_json(tensor(["x"] * 257, [257], "BYTES"))), 413, "too-many-pictures")


Mutate = Callable[[random.Random, bytes], bytes]


def flip_byte(rng: random.Random, content: bytes) -> bytes:
    index = rng.randrange(len(content))
    return content[:index] + bytes([rng.randrange(256)]) + content[index + 1 :]


def delete_piece(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(content)), rng.randrange(len(content))))
    return content[:start] + content[end:]


def repeat_piece(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[: start + rng.randrange(40)] + content[start:]


def replace_token(rng: random.Random, content: bytes) -> bytes:
    """One token of the JSON becomes another."""
    tokens = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"0", b"28", b"-1", b"1e400", b"null", b"true", b"NaN", b'"x"']
    words = [b'"shape"', b'"data"', b'"name"', b'"inputs"', b'"image"', b'"UINT8"', b"28", b"3", b"[", b"]", b"0"]
    word = rng.choice(words)
    return content.replace(word, rng.choice(tokens + words), rng.choice([1, -1]))


def test_mutated_requests_are_answered_or_refused_and_never_fail(client: TestClient, images: Images) -> None:
    rng = random.Random(0)
    mutations: list[Mutate] = [flip_byte, delete_piece, repeat_piece, replace_token]
    for content, headers in good_requests(images):
        for _ in range(100):
            mutated, changed = content, dict(headers)
            for _ in range(rng.randint(1, 3)):
                mutated = rng.choice(mutations)(rng, mutated or b"{}")
            if changed and rng.random() < 0.3:
                changed["Inference-Header-Content-Length"] = str(rng.choice([0, 1, 10, 150, 784, len(mutated), 10**6]))
            response = client.post(INFER, content=mutated, headers=changed)
            assert response.status_code in (200, 400, 413, 415, 422), (mutated[:300], changed, response.text)


def test_service_works_after_all_bad_requests(client: TestClient, images: Images, expected: Probabilities) -> None:
    assert np.array_equal(probabilities_of(client.post(INFER, content=in_json(tensor(images.tolist())))), expected)


@pytest.mark.parametrize("length", [0, 100, 784])
def test_binary_tensor_without_its_header_is_answered_with_the_header(client: TestClient, length: int) -> None:
    """`length`: of the JSON that is kept before it."""
    content = in_binary(bytes(range(196)) * 4, (1, 28, 28))[0]
    body = content[:-784][:length] + content[-784:]
    refused = assert_problem(client.post(INFER, content=body), 400, "invalid-request")["detail"]
    assert "Inference-Header-Content-Length: the length of the JSON" in refused
    assert "codec" not in refused


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("path", [INFER, "/v1/models/digits:predict"])
def test_picture_in_place_of_json_is_answered_with_where_pictures_go(client: TestClient, kind: str, path: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)  # in a large body too
    for picture in (noise[:28, :28], noise):
        refused = client.post(path, content=encode(picture, kind))
        assert (
            "a file, not JSON: send pictures as they are to /predict"
            in assert_problem(refused, 400, "invalid-request")["detail"]
        )


def test_picture_in_place_of_a_tensor_without_json_is_answered_with_what_is_taken(
    client: TestClient, seven_png: bytes
) -> None:
    response = client.post(INFER, content=seven_png, headers={"Inference-Header-Content-Length": "0"})
    detail = assert_problem(response, 400, "invalid-request")["detail"]
    assert "must be a tensor, of 784 bytes for each image: send pictures as they are to /predict" in detail
