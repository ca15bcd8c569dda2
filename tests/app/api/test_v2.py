"""The Open Inference Protocol over the real models: what its clients send, and what they get wrong."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.api.test_digits import assert_problem
from tests.app.conftest import encode
from tests.conftest import MLP_VERSIONS, NEWEST, PREVIOUS, VERSIONS
from training.datasets.mnist import Digits

INFER = "/v2/models/digits/infer"
INTEGERS = ["UINT8", "UINT16", "UINT32", "UINT64", "INT16", "INT32", "INT64"]
DTYPES = {f"UINT{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)} | {f"INT{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)}
DTYPES |= {f"FP{8 * n}": f"<f{n}" for n in (2, 4, 8)}

Pixels = NDArray[np.uint8]
Body = tuple[bytes, dict[str, str]]


@pytest.fixture(scope="module")
def images(test_digits: Digits) -> Pixels:
    return test_digits.images[:3]


@pytest.fixture(scope="module")
def expected(client: TestClient, images: Pixels) -> NDArray[np.float32]:
    """The probabilities of `images`, as our own API gives them: MNIST's images pass its preparation unchanged."""
    files = [("file", ("digit.png", encode(each))) for each in images]
    predictions = client.post("/predict", files=files).json()["predictions"]
    return np.array([each["probabilities"] for each in predictions], np.float32)


def tensor(data: Any, shape: Any = (3, 28, 28), datatype: Any = "UINT8", **more: Any) -> dict[str, Any]:
    return {"name": "image", "shape": shape, "datatype": datatype, "data": data, **more}


def in_json(*inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def in_binary(blob: bytes, shape: Any = (3, 28, 28), datatype: Any = "UINT8", **more: Any) -> Body:
    """A body with one binary tensor, and its headers."""
    described = {"name": "image", "shape": shape, "datatype": datatype}
    text = json.dumps({"inputs": [described | {"parameters": {"binary_data_size": len(blob)}}], **more}).encode()
    return text + blob, {"Inference-Header-Content-Length": str(len(text))}


def wanted(**parameters: Any) -> list[dict[str, Any]]:
    return [{"name": "probabilities", "parameters": parameters}]


def with_length(content: bytes) -> bytes:
    return len(content).to_bytes(4, "little") + content


def output_of(response: Any) -> dict[str, Any]:
    """The one output of an answer in JSON."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    (output,) = response.json()["outputs"]
    assert output["name"] == "probabilities"
    return dict(output)


def probabilities_of(response: Any) -> NDArray[np.float32]:
    output = output_of(response)
    assert output["datatype"] == "FP32"
    return np.array(output["data"], np.float32).reshape(output["shape"])


def binary_output_of(response: Any) -> tuple[dict[str, Any], bytes]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    answer, blob = json.loads(response.content[:length]), response.content[length:]
    (output,) = answer["outputs"]
    assert output["parameters"] == {"binary_data_size": len(blob)}
    assert "data" not in output
    return output, blob


# --- health and metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_says_what_it_is_with_and_without_a_slash(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False).json()
    assert answer["name"] == "digits"
    assert answer["version"]
    assert answer["extensions"] == ["binary_tensor_data", "classification", "model_repository", "statistics"]


def test_live_and_ready_have_bodies(client: TestClient) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/digits", f"/v2/models/digits/versions/{PREVIOUS}"):
        assert client.get(path + "/ready").json() == {"name": "digits", "ready": True}


def test_stopping_service_is_live_but_not_ready(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        app.state.stopping = True
        assert client.get("/v2/health/live").status_code == 200
        assert_problem(client.get("/v2/health/ready"), 503, "stopping")
        assert_problem(client.get("/v2/models/digits/ready"), 503, "stopping")


def test_model_tells_its_versions_and_tensors(client: TestClient) -> None:
    answer = client.get("/v2/models/digits").json()
    assert answer == {
        "name": "digits",
        "versions": VERSIONS,
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    assert client.get(f"/v2/models/digits/versions/{PREVIOUS}").json() == answer


@pytest.mark.parametrize("path", ["letters", "digits/versions/9", "digits/versions/new", "digits/versions/1111111111"])
def test_unknown_model_or_version_is_not_found(client: TestClient, path: str) -> None:
    for route in ("", "/ready", "/stats"):
        assert_problem(client.get(f"/v2/models/{path}{route}"), 404, "model-not-found")
    assert_problem(client.post(f"/v2/models/{path}/infer", content=b"{}"), 404, "model-not-found")


# --- infer -----------------------------------------------------------------------------------------------------------


def test_json_is_answered_as_the_protocol_says(
    client: TestClient, images: Pixels, expected: NDArray[np.float32]
) -> None:
    response = client.post(INFER, content=in_json(tensor(images.ravel().tolist()), id="seven"))
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", NEWEST, "seven")
    assert np.array_equal(probabilities_of(response), expected)
    assert "id" not in client.post(INFER, content=in_json(tensor(images.ravel().tolist()))).json()


def test_version_in_the_path_answers(client: TestClient, images: Pixels) -> None:
    response = client.post("/v2/models/digits-mlp/versions/1/infer", content=in_json(tensor(images.tolist())))
    assert response.json()["model_name"] == "digits-mlp"
    assert probabilities_of(response).argmax(axis=1).tolist() == [7, 2, 1]


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 1), (3, 1, 28, 28), (3, 784)])
def test_every_shape_is_read_flat_nested_and_in_binary(
    client: TestClient, images: Pixels, expected: NDArray[np.float32], shape: tuple[int, ...]
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
def test_every_datatype_is_read(
    client: TestClient, images: Pixels, expected: NDArray[np.float32], datatype: str
) -> None:
    values = (images > 127).astype(np.uint8) if datatype == "INT8" else images
    if datatype == "INT8":  # 255 does not fit: 0 and 1 do
        black = client.post(INFER, content=in_json(tensor((values * 255).ravel().tolist())))
        expected = probabilities_of(black)
    content, headers = in_binary(values.astype(DTYPES[datatype]).tobytes(), datatype=datatype)
    assert np.array_equal(probabilities_of(client.post(INFER, content=content, headers=headers)), expected)
    if datatype != "FP16":  # which has no form in JSON
        response = client.post(INFER, content=in_json(tensor(values.ravel().tolist(), datatype=datatype)))
        assert np.array_equal(probabilities_of(response), expected)


def test_floats_up_to_one_are_read_as_ink(client: TestClient, images: Pixels, expected: NDArray[np.float32]) -> None:
    response = client.post(INFER, content=in_json(tensor((images / 255).ravel().tolist(), datatype="FP64")))
    assert np.array_equal(probabilities_of(response), expected)


@pytest.mark.parametrize(
    "asked", [{"parameters": {"binary_data_output": True}}, {"outputs": wanted(binary_data=True)}], ids=["all", "own"]
)
def test_output_in_binary(
    client: TestClient, images: Pixels, expected: NDArray[np.float32], asked: dict[str, Any]
) -> None:
    content, headers = in_binary(images.tobytes(), **asked)
    for response in (
        client.post(INFER, content=content, headers=headers),
        client.post(INFER, content=in_json(tensor(images.tolist()), **asked)),
    ):
        output, blob = binary_output_of(response)
        assert (output["datatype"], output["shape"]) == ("FP32", [3, 10])
        assert np.array_equal(np.frombuffer(blob, "<f4").reshape(3, 10), expected)


def test_what_an_output_asks_for_itself_goes_before_the_request(client: TestClient, images: Pixels) -> None:
    body = in_json(tensor(images.tolist()), parameters={"binary_data_output": True}, outputs=wanted(binary_data=False))
    assert output_of(client.post(INFER, content=body))["shape"] == [3, 10]


def test_raw_tensor_is_answered_in_binary(client: TestClient, images: Pixels, expected: NDArray[np.float32]) -> None:
    for count in (1, 3):
        headers = {"Inference-Header-Content-Length": "0"}
        _, blob = binary_output_of(client.post(INFER, content=images[:count].tobytes(), headers=headers))
        assert np.allclose(np.frombuffer(blob, "<f4").reshape(count, 10), expected[:count], atol=1e-6)


def test_classes_are_the_best_with_index_and_label(
    client: TestClient, images: Pixels, expected: NDArray[np.float32]
) -> None:
    response = client.post(INFER, content=in_json(tensor(images.tolist()), outputs=wanted(classification=2)))
    output = output_of(response)
    assert (output["datatype"], output["shape"]) == ("BYTES", [3, 2])
    for row, first, second in zip(expected, output["data"][::2], output["data"][1::2], strict=True):
        best, next_best = np.argsort(-row)[:2]
        assert first == f"{row[best]:f}:{best}:{best}"
        assert second == f"{row[next_best]:f}:{next_best}:{next_best}"


def test_classes_in_binary_carry_their_lengths(client: TestClient, images: Pixels) -> None:
    asked = wanted(classification=99, binary_data=True)
    output, blob = binary_output_of(client.post(INFER, content=in_json(tensor(images.tolist()), outputs=asked)))
    assert (output["datatype"], output["shape"]) == ("BYTES", [3, 10])
    found = []
    while blob:
        size = int.from_bytes(blob[:4], "little")
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    assert len(found) == 30
    assert [each.split(b":")[1] for each in found[::10]] == [b"7", b"2", b"1"]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_picture_files_are_read_of_any_size_and_polarity(
    client: TestClient, images: Pixels, expected: NDArray[np.float32], shape: tuple[int, ...]
) -> None:
    files = [encode(images[0]), encode(255 - images[1]), encode(np.kron(images[2], np.ones((5, 5), np.uint8)))]
    content, headers = in_binary(b"".join(map(with_length, files)), shape, "BYTES")
    binary = probabilities_of(client.post(INFER, content=content, headers=headers))
    assert np.allclose(binary[:2], expected[:2], atol=1e-6)
    assert binary.argmax(axis=1).tolist() == [7, 2, 1]
    strings = np.reshape([base64.b64encode(each).decode() for each in files], shape).tolist()
    in_text = probabilities_of(client.post(INFER, content=in_json(tensor(strings, shape, "BYTES"))))
    assert np.array_equal(in_text, binary)


def test_parameters_that_are_not_ours_are_left_alone(client: TestClient, images: Pixels) -> None:
    parameters = {"sequence_id": 1, "priority": 2, "triton_x": "y", "timeout": 5, "mine": True}
    body = in_json(tensor(images.tolist(), parameters={"content_type": "np"}), parameters=parameters, outputs=[])
    assert output_of(client.post(INFER, content=body))["shape"] == [3, 10]


def test_more_images_than_a_batch_are_answered_in_order(client: TestClient, test_digits: Digits) -> None:
    content, headers = in_binary(test_digits.images[:200].tobytes(), (200, 28, 28))
    read = probabilities_of(client.post(INFER, content=content, headers=headers)).argmax(axis=1)
    assert (read == test_digits.labels[:200]).mean() > 0.97


# --- bad requests ----------------------------------------------------------------------------------------------------

ZEROS = [0] * 784
PAPER = bytes(784)
ONE = (1, 28, 28)


def swapped(index: int, value: Any) -> list[Any]:
    return [*ZEROS[:index], value, *ZEROS[index + 1 :]]


BAD_JSON: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "cut off": in_json(tensor(ZEROS, ONE))[:-10],
    "no UTF-8": b'{"id": "\xff"}',
    "an array": b"[]",
    "a number": b"1",
    "no inputs": b"{}",
    "empty inputs": in_json(),
    "two inputs": in_json(tensor(ZEROS, ONE), tensor(ZEROS, ONE)),
    "inputs an object": b'{"inputs": {"name": "image"}}',
    "an input that is a number": in_json(1),
    "no name": in_json({"shape": ONE, "datatype": "UINT8", "data": ZEROS}),
    "wrong name": in_json(tensor(ZEROS, ONE) | {"name": "picture"}),
    "name a number": in_json(tensor(ZEROS, ONE) | {"name": 1}),
    "no shape": in_json({"name": "image", "datatype": "UINT8", "data": ZEROS}),
    "shape a number": in_json(tensor(ZEROS, 784)),
    "shape of strings": in_json(tensor(ZEROS, ["1", "28", "28"])),
    "shape of floats": in_json(tensor(ZEROS, [1.0, 28, 28])),
    "shape of booleans": in_json(tensor(ZEROS, [True, 28, 28])),
    "shape of nothing": in_json(tensor(ZEROS, [])),
    "shape of one": in_json(tensor(ZEROS, [784])),
    "negative shape": in_json(tensor(ZEROS, [-1, 28, 28])),
    "two negatives": in_json(tensor(ZEROS, [-1, -784])),
    "no images": in_json(tensor([], [0, 28, 28])),
    "enormous shape": in_json(tensor(ZEROS, [2**63, 28, 28])),
    "nested shape": in_json(tensor(ZEROS, [[1], 28, 28])),
    "long shape": in_json(tensor(ZEROS, [1] * 5000)),
    "transposed shape": in_json(tensor(ZEROS, [28, 28, 1])),
    "shape that asks for more": in_json(tensor(ZEROS, [2, 28, 28])),
    "no datatype": in_json({"name": "image", "shape": ONE, "data": ZEROS}),
    "unknown datatype": in_json(tensor(ZEROS, ONE, "UINT9")),
    "BOOL": in_json(tensor(ZEROS, ONE, "BOOL")),
    "BF16": in_json(tensor(ZEROS, ONE, "BF16")),
    "FP16": in_json(tensor(ZEROS, ONE, "FP16")),
    "datatype a number": in_json(tensor(ZEROS, ONE, 8)),
    "no data": in_json({"name": "image", "shape": ONE, "datatype": "UINT8"}),
    "data a string": in_json(tensor("0" * 784, ONE)),
    "data an object": in_json(tensor({"0": 1}, ONE)),
    "data null": in_json(tensor(None, ONE)),
    "a string in it": in_json(tensor(swapped(5, "0"), ONE)),
    "a null in it": in_json(tensor(swapped(5, None), ONE)),
    "a boolean in it": in_json(tensor(swapped(5, True), ONE)),
    "a row in it": in_json(tensor(swapped(5, [0]), ONE)),
    "an empty row in it": in_json(tensor(swapped(5, []), ONE)),
    "a deep row in it": in_json(tensor(swapped(5, 0), ONE)).replace(b"0, 0]", b"0, " + b"[" * 900 + b"]" * 900 + b"]"),
    "NaN": in_json(tensor(swapped(5, float("nan")), ONE, "FP32")),
    "infinity": in_json(tensor(swapped(5, float("inf")), ONE, "FP32")),
    "1e999": in_json(tensor(ZEROS, ONE, "FP32")).replace(b"0, 0]", b"0, 1e999]"),
    "a number of thirty digits": in_json(tensor(swapped(5, 10**29), ONE)),
    "negative": in_json(tensor(swapped(5, -1), ONE, "INT16")),
    "above 255": in_json(tensor(swapped(5, 256), ONE)),
    "above 127 as INT8": in_json(tensor(swapped(5, 128), ONE, "INT8")),
    "a fraction as UINT8": in_json(tensor(swapped(5, 0.5), ONE)),
    "a float as INT64": in_json(tensor(swapped(5, 1.0), ONE, "INT64")),
    "ragged": in_json(tensor([[0] * 28] * 27 + [[0] * 27], [28, 28])),
    "ragged rows of the right size": in_json(tensor([[[0] * 28] * 26 + [[0] * 27, [0] * 29]], ONE)),
    "nested otherwise than its shape": in_json(tensor([ZEROS], ONE)),
    "nested too deeply": in_json(tensor([[[ZEROS]]], ONE)),
    "nested very deeply": b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep parameters": b'{"parameters": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    "id a number": in_json(tensor(ZEROS, ONE), id=1),
    "parameters an array": in_json(tensor(ZEROS, ONE), parameters=[1]),
    "binary_data_output a number": in_json(tensor(ZEROS, ONE), parameters={"binary_data_output": 1}),
    "input parameters a string": in_json(tensor(ZEROS, ONE, parameters="x")),
    "outputs an object": in_json(tensor(ZEROS, ONE), outputs={"name": "probabilities"}),
    "unknown output": in_json(tensor(ZEROS, ONE), outputs=[{"name": "logits"}]),
    "output twice": in_json(tensor(ZEROS, ONE), outputs=wanted() * 2),
    "output without a name": in_json(tensor(ZEROS, ONE), outputs=[{}]),
    "binary_data a string": in_json(tensor(ZEROS, ONE), outputs=wanted(binary_data="yes")),
    "classification negative": in_json(tensor(ZEROS, ONE), outputs=wanted(classification=-1)),
    "classification a string": in_json(tensor(ZEROS, ONE), outputs=wanted(classification="3")),
    "classification a boolean": in_json(tensor(ZEROS, ONE), outputs=wanted(classification=True)),
    "binary size without a header": in_json(tensor(None, ONE, parameters={"binary_data_size": 784})),
    "binary size and data": in_json(tensor(ZEROS, ONE, parameters={"binary_data_size": 0})),
    "pictures in a shape of images": in_json(tensor(["aGk="], ONE, "BYTES")),
    "fewer pictures than its shape": in_json(tensor(["aGk="], [2], "BYTES")),
    "a picture that is no base64": in_json(tensor(["%"], [1], "BYTES")),
    "a picture that is a number": in_json(tensor([1], [1], "BYTES")),
    "a picture nested": in_json(tensor([[["aGk="]]], [1, 1], "BYTES")),
    "no pictures": in_json(tensor([], [0], "BYTES")),
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json_request_is_refused(client: TestClient, body: bytes) -> None:
    problem = assert_problem(client.post(INFER, content=body), 400, "invalid-request")
    assert len(problem["error"]) < 500


def lying(length: object, body: bytes = in_binary(PAPER, ONE)[0]) -> Body:
    return body, {"Inference-Header-Content-Length": str(length)}


def claiming(size: Any, blob: bytes = PAPER, datatype: str = "UINT8", shape: Any = ONE) -> Body:
    """A body whose JSON says so about the tensor after it."""
    text = in_json({"name": "image", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}})
    return text + blob, {"Inference-Header-Content-Length": str(len(text))}


def with_both() -> Body:
    text = in_json(tensor(ZEROS, ONE, parameters={"binary_data_size": 784}))
    return text + PAPER, {"Inference-Header-Content-Length": str(len(text))}


BAD_BINARY: dict[str, Body] = {
    "header longer than the body": lying(100_000),
    "header one byte longer": lying(len(in_binary(PAPER, ONE)[0]) + 1),
    "header longer than JSON alone": lying(10_000, in_json(tensor(ZEROS, ONE))),
    "header enormous": lying("9" * 5000),
    "header negative": lying(-1),
    "header signed": lying("+10"),
    "header a fraction": lying("10.0"),
    "header words": lying("long"),
    "header empty": lying(""),
    "header within the JSON": lying(40),
    "header within the tensor": lying(len(in_binary(PAPER, ONE)[0]) - 700),
    "no header": (in_binary(PAPER, ONE)[0], {}),
    "size smaller than what follows": claiming(783),
    "size larger than what follows": claiming(785),
    "size negative": claiming(-784),
    "size enormous": claiming(2**62),
    "size a string": claiming("784"),
    "size a float": claiming(784.0),
    "no size": claiming(None),
    "bytes left over": claiming(784, PAPER + b"x"),
    "bytes left over after JSON alone": lying(len(in_json(tensor(ZEROS, ONE))), in_json(tensor(ZEROS, ONE)) + b"x"),
    "nothing follows": claiming(0, b""),
    "data and size": with_both(),
    "too few for the datatype": claiming(784, PAPER, "FP32"),
    "too many for the shape": claiming(1568, PAPER * 2),
    "negative shape": claiming(784, PAPER, shape=[-1, 28, 28]),
    "negative numbers": claiming(784, b"\xff" * 784, "INT8"),
    "NaN": in_binary(np.full(784, np.nan, "<f4").tobytes(), ONE, "FP32"),
    "NaN in FP16": in_binary(np.full(784, np.nan, "<f2").tobytes(), ONE, "FP16"),
    "infinity": in_binary(np.full(784, np.inf, "<f8").tobytes(), ONE, "FP64"),
    "above 255": in_binary(np.full(784, 256, "<u2").tobytes(), ONE, "UINT16"),
    "BOOL": in_binary(PAPER, ONE, "BOOL"),
    "BF16": in_binary(PAPER * 2, ONE, "BF16"),
    "raw and empty": (b"", {"Inference-Header-Content-Length": "0"}),
    "raw of a wrong length": (bytes(783), {"Inference-Header-Content-Length": "0"}),
    "picture longer than the tensor": in_binary(b"\xff\xff\xff\xffabc", [1], "BYTES"),
    "picture shorter than the tensor": in_binary(with_length(b"abc") + b"d", [1], "BYTES"),
    "half a length": in_binary(b"\x01\0", [1], "BYTES"),
    "fewer pictures than the shape": in_binary(with_length(b"abc"), [2], "BYTES"),
    "an empty picture": in_binary(with_length(b""), [1], "BYTES"),
}


@pytest.mark.parametrize("body", BAD_BINARY.values(), ids=BAD_BINARY)
def test_bad_binary_request_is_refused(client: TestClient, body: Body) -> None:
    content, headers = body
    assert_problem(client.post(INFER, content=content, headers=headers), 400, "invalid-request")


def test_bad_picture_is_named(client: TestClient, images: Pixels) -> None:
    good = with_length(encode(images[0]))
    content, headers = in_binary(good + with_length(b"no picture"), [2], "BYTES")
    problem = assert_problem(client.post(INFER, content=content, headers=headers), 415, "unsupported-picture")
    assert problem["picture"] == 1
    content, headers = in_binary(with_length(encode(np.zeros((28, 28), np.uint8))), [1], "BYTES")
    assert_problem(client.post(INFER, content=content, headers=headers), 422, "blank-picture")


def test_too_many_pictures_are_refused_before_they_are_looked_for(client: TestClient) -> None:
    content, headers = in_binary(bytes(4 * 257), [257], "BYTES")
    assert_problem(client.post(INFER, content=content, headers=headers), 413, "too-many-pictures")
    assert_problem(client.post(INFER, content=in_json(tensor(["x"] * 257, [257], "BYTES"))), 413, "too-many-pictures")


def test_infer_is_a_post(client: TestClient) -> None:
    response = client.get(INFER)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


# --- the two ways through the application ----------------------------------------------------------------------------


def good_requests(images: Pixels) -> list[Body]:
    return [
        (in_json(tensor(images.tolist()), id="x"), {}),
        (in_json(tensor(images.ravel().tolist()), outputs=wanted(classification=3)), {}),
        (in_json(tensor(images.ravel().tolist(), datatype="FP32"), outputs=wanted(binary_data=True)), {}),
        in_binary(images.tobytes()),
        in_binary(images.astype("<f4").tobytes(), datatype="FP32", parameters={"binary_data_output": True}),
        in_binary(with_length(encode(images[0])) + with_length(encode(images[1])), [2], "BYTES"),
        (images.tobytes(), {"Inference-Header-Content-Length": "0"}),
    ]


def test_fastapi_answers_as_the_fast_lane_does(client: TestClient, plain_client: TestClient, images: Pixels) -> None:
    bodies = [*good_requests(images), *((body, {}) for body in BAD_JSON.values()), *BAD_BINARY.values()]
    for path in (INFER, f"/v2/models/digits/versions/{PREVIOUS}/infer", "/v2/models/letters/infer"):
        for content, headers in bodies:
            fast, plain = (each.post(path, content=content, headers=headers) for each in (client, plain_client))
            del plain.headers["vary"]  # what CORS adds for caches, which keep no POST
            assert fast.headers.pop("x-request-id") != plain.headers.pop("x-request-id")
            assert (fast.status_code, fast.headers, fast.content) == (
                plain.status_code,
                plain.headers,
                plain.content,
            )


Mutate = Callable[[random.Random, bytes], bytes]


def flip(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def cut(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(content)), rng.randrange(len(content))))
    return content[:start] + content[end:]


def double(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[: start + rng.randrange(40)] + content[start:]


def replace(rng: random.Random, content: bytes) -> bytes:
    """One token of the JSON becomes another."""
    tokens = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"0", b"28", b"-1", b"1e400", b"null", b"true", b"NaN", b'"x"']
    words = [b'"shape"', b'"data"', b'"name"', b'"inputs"', b'"image"', b'"UINT8"', b"28", b"3", b"[", b"]", b"0"]
    word = rng.choice(words)
    return content.replace(word, rng.choice(tokens + words), rng.choice([1, -1]))


def test_no_mutation_of_a_good_request_is_ours_to_blame(client: TestClient, images: Pixels) -> None:
    """Whatever arrives, the answer is 200 or says what is wrong with the request."""
    rng = random.Random(0)
    mutations: list[Mutate] = [flip, cut, double, replace]
    for content, headers in good_requests(images):
        for _ in range(100):
            mutated, changed = content, dict(headers)
            for _ in range(rng.randint(1, 3)):
                mutated = rng.choice(mutations)(rng, mutated or b"{}")
            if changed and rng.random() < 0.3:
                changed["Inference-Header-Content-Length"] = str(rng.choice([0, 1, 10, 150, 784, len(mutated), 10**6]))
            response = client.post(INFER, content=mutated, headers=changed)
            assert response.status_code in (200, 400, 413, 415, 422), (mutated[:300], changed, response.text)


def test_service_goes_on_after_all_that(client: TestClient, images: Pixels, expected: NDArray[np.float32]) -> None:
    assert np.array_equal(probabilities_of(client.post(INFER, content=in_json(tensor(images.tolist())))), expected)


# --- statistics ------------------------------------------------------------------------------------------------------


def statistics(client: TestClient, path: str = f"/v2/models/digits/versions/{NEWEST}/stats") -> dict[str, Any]:
    (only,) = client.get(path).json()["model_stats"]
    return dict(only)


def test_statistics_count_images_runs_and_their_time(client: TestClient, images: Pixels) -> None:
    before = statistics(client)
    client.post(INFER, content=in_json(tensor(images.tolist())))
    *older, after = client.get("/v2/models/digits/stats").json()["model_stats"]
    assert [each["version"] for each in (*older, after)] == VERSIONS
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    for key in ("success", "queue", "compute_infer"):
        assert after["inference_stats"][key]["count"] == before["inference_stats"][key]["count"] + 1
    spent = {
        key: after["inference_stats"][key]["ns"] - before["inference_stats"][key]["ns"]
        for key in ("success", "queue", "compute_infer")
    }
    assert 10_000 < spent["compute_infer"] < spent["success"] == spent["compute_infer"] + spent["queue"] < 10**10
    assert after["inference_stats"]["fail"]["count"] == before["inference_stats"]["fail"]["count"]


def test_statistics_count_what_was_refused(models: Path, images: Pixels) -> None:
    settings = Settings(models=models, device="cpu", max_queue_size=1, max_batch_size=1)
    with TestClient(create_app(settings)) as client:
        app: Any = client.app
        batcher = app.state.repository.get("digits-mlp").batcher
        newest = f"/v2/models/digits-mlp/versions/{MLP_VERSIONS[-1]}/stats"
        before = statistics(client, newest)["inference_stats"]["fail"]["count"]
        batcher.queue_limit = 0
        body = in_json(tensor(images.tolist()))
        assert_problem(client.post("/v2/models/digits-mlp/infer", content=body), 503, "overloaded")
        assert statistics(client, newest)["inference_stats"]["fail"]["count"] == before + 1


def test_statistics_of_all_models(client: TestClient) -> None:
    stats = client.get("/v2/models/stats").json()["model_stats"]
    assert [(each["name"], each["version"]) for each in stats] == [
        *(("digits", version) for version in VERSIONS),
        *(("digits-mlp", version) for version in MLP_VERSIONS),
    ]


# --- what a page sees ------------------------------------------------------------------------------------------------


def test_page_may_read_where_the_json_of_an_answer_ends(models: Path, images: Pixels) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", cors_origins=("*",)))) as client:
        headers = {"Inference-Header-Content-Length": "0", "Origin": "https://page.example"}
        exposed = client.post(INFER, content=images.tobytes(), headers=headers).headers["access-control-expose-headers"]
        assert "Inference-Header-Content-Length" in exposed


def test_openapi_tells_both_forms_and_every_refusal(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, suffix in (("", ""), ("/versions/{version}", "_of_version")):
        infer = paths[f"/v2/models/{{name}}{path}/infer"]["post"]
        assert infer["operationId"] == "v2_infer" + suffix
        assert set(infer["requestBody"]["content"]) == {"application/json", "application/octet-stream"}
        assert {"200", "400", "404", "413", "415", "422", "503"} <= set(infer["responses"])
        assert "name" in {each["name"] for each in infer["parameters"]}
