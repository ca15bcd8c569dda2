"""What numbers mean: the scale by datatype, image by image, and images that no digit can be seen on."""

from __future__ import annotations

import json
import re
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.arrays import Image, Images
from app.codecs.tensors import SCALE_RULE, parse_csv, to_images
from app.errors import BlankPicture, InvalidRequest
from tests.support.invocations import invoke, npy
from tests.support.problems import assert_problem
from tests.support.v1_requests import STROKE, ask
from tests.support.v2_requests import INFER, in_binary, in_json, probabilities_of, tensor
from training.datasets.mnist import Digits

FULL = STROKE.astype(np.float64)  # of 0 to 255


def test_integers_are_from_0_to_255_and_floats_from_0_to_1_or_to_255() -> None:
    for dtype in ("u1", "<u2", ">i4", "<i8", "<f2", "<f4", ">f8"):
        assert np.array_equal(to_images(STROKE[np.newaxis].astype(dtype)), STROKE[np.newaxis])
    for dtype in ("<f2", "<f4", ">f8"):
        assert np.array_equal(to_images((FULL / 255)[np.newaxis].astype(dtype)), STROKE[np.newaxis])
    assert np.array_equal(to_images((STROKE > 0)[np.newaxis]), STROKE[np.newaxis])


@pytest.mark.parametrize("factor", [1.0000001 / 255, 1 / 254, 1.08 / 255, 2 / 255, 1 / 16])
def test_float_image_whose_maximum_is_just_above_1_is_refused_with_the_reason(factor: float) -> None:
    with pytest.raises(InvalidRequest, match=r"its greatest number is .* Send the parameter scale") as refused:
        to_images(np.stack([FULL / 255, FULL * factor]))
    assert refused.value.picture == 1


def test_overshoot_is_clipped_where_the_client_names_the_scale(test_digits: Digits) -> None:
    """As of bicubic interpolation, which leaves the range on both sides."""
    digit = test_digits.images[0].astype(np.float64)
    twice = cv2.resize(digit, (56, 56), interpolation=cv2.INTER_CUBIC)
    resized = np.asarray(cv2.resize(twice, (28, 28), interpolation=cv2.INTER_CUBIC))
    assert resized.min() < 0
    assert resized.max() > 255
    from_bytes = to_images(resized[np.newaxis], "byte")
    assert np.abs(from_bytes[0].astype(int) - test_digits.images[0]).max() < 20
    assert np.array_equal(to_images(resized[np.newaxis] / 255, "unit"), from_bytes)


@pytest.mark.parametrize(("scale", "factor"), [("unit", 1.3), ("byte", 1.3 * 255), ("unit", 255)])
def test_numbers_far_outside_the_named_scale_are_refused(scale: Any, factor: float) -> None:
    with pytest.raises(InvalidRequest, match="has a number outside of 0"):
        to_images(FULL[np.newaxis] / 255 * factor, scale)


@pytest.mark.parametrize("value", [-0.5, -1, 256, 1e9, np.nan, np.inf])
def test_numbers_outside_of_every_scale_are_refused_with_their_image(value: float) -> None:
    images = np.stack([FULL, FULL])
    images[1, 0, 0] = value
    with pytest.raises(InvalidRequest, match="Image 1 has a number outside") as refused:
        to_images(images)
    assert refused.value.picture == 1


def test_one_image_never_changes_what_another_means() -> None:
    """A fraction of ink beside an image of 0 to 255 would be a blank image, and whole ink beside one of 0 to 1."""
    with pytest.raises(InvalidRequest, match=r"Whether image 0 is .* that of another image is above 1"):
        to_images(np.stack([FULL / 255, FULL]))
    with pytest.raises(BlankPicture) as refused:
        to_images(np.stack([FULL, FULL * 0]))
    assert refused.value.picture == 1


def test_integers_of_0_and_1_are_blank_unless_the_client_says_that_1_is_ink() -> None:
    binary = (STROKE > 0).astype(np.int64)[np.newaxis]
    with pytest.raises(BlankPicture, match="scale=unit"):
        to_images(binary)
    assert np.array_equal(to_images(binary, "unit"), STROKE[np.newaxis])


def test_many_images_are_converted_alike(test_digits: Digits) -> None:
    """More than one block, in every memory layout."""
    images = test_digits.images[:600]
    for numbers in (images, images.astype(np.float32) / np.float32(255), np.asfortranarray(images.astype(np.float64))):
        assert np.array_equal(to_images(numbers), images)


# --- what no digit can be seen on -------------------------------------------------------------------------------------


def with_ink(*pixels: int, background: int = 0) -> Image:
    image = np.full(784, background, np.uint8)
    image[list(pixels)] = 255
    return image.reshape(28, 28)


rng = np.random.default_rng(0)
BLANK: dict[str, NDArray[np.uint8]] = {
    "all background": with_ink(),
    "all ink": with_ink(background=255),
    "all grey": with_ink(background=128),
    "faint noise": rng.integers(0, 32, (28, 28)).astype(np.uint8),
    "faint noise on ink": rng.integers(224, 256, (28, 28)).astype(np.uint8),
    "one pixel": with_ink(400),
    "seven pixels": with_ink(*range(400, 407)),
    "a faint stroke": (STROKE // 8).astype(np.uint8),
}


@pytest.mark.parametrize("model", ["digits", "digits-mlp"])
@pytest.mark.parametrize("image", BLANK.values(), ids=list(BLANK))
def test_image_without_ink_is_refused_on_every_route(
    client: TestClient, seven: NDArray[np.uint8], image: Image, model: str
) -> None:
    """Some models would accept it as a 1."""
    images = np.stack([seven, image])
    rows, (content, headers) = images.tolist(), in_binary(images.tobytes(), (2, 28, 28))
    v1, v2 = f"/v1/models/{model}", f"/v2/models/{model}/infer"
    for response in (
        ask(client, {"instances": rows}, f"{v1}:predict"),
        ask(client, {"inputs": {"image": rows}}, f"{v1}:predict"),
        ask(client, {"instances": [{"image": row} for row in rows]}, f"{v1}:explain"),
        ask(client, {"instances": (images / 255).tolist()}, f"{v1}:predict?scale=unit"),
        client.post(v2, content=in_json(tensor(rows, (2, 28, 28)))),
        client.post(v2, content=content, headers=headers),
        client.post(v2, content=images.tobytes(), headers={"Inference-Header-Content-Length": "0"}),
        client.post(f"/invocations?model={model}", content=npy(images)),
    ):
        assert assert_problem(response, 422, "blank-picture")["picture"] == 1


def test_faint_and_thin_digits_are_not_blank(test_digits: Digits) -> None:
    assert len(to_images(test_digits.images)) == 10_000
    assert len(to_images((test_digits.images[:500] // 3).astype(np.uint8))) == 500
    assert to_images(with_ink(*range(400, 408))[np.newaxis]).any()
    assert to_images(np.maximum(STROKE, 100)[np.newaxis]).any()  # on grey


def test_inverted_image_is_refused(client: TestClient, seven: NDArray[np.uint8]) -> None:
    """43 % of them would be accepted, every eighth as a wrong digit."""
    nearly = 255 - seven
    nearly[0, :5] = nearly[9, 9] = 0
    for inverted in (255 - seven, nearly):
        response = ask(client, {"instances": [seven.tolist(), inverted.tolist()]})
        problem = assert_problem(response, 400, "invalid-request")
        assert problem["picture"] == 1
        assert "is inverted" in problem["detail"]


# --- the parameter and its documentation ------------------------------------------------------------------------------


def test_scale_is_named_in_the_query_or_in_the_body(client: TestClient, images: Images) -> None:
    binary = (images > 127).astype(np.uint8)
    wanted = probabilities_of(client.post(INFER, content=in_json(tensor((binary * 255).tolist()))))
    unit = {"parameters": {"scale": "unit"}}
    rows = {"instances": binary.tolist()}
    for response in (ask(client, rows | unit), ask(client, rows, "/v1/models/digits:predict?scale=unit")):
        assert response.json()["predictions"] == pytest.approx(wanted, abs=1e-6)
    content, headers = in_binary(binary.tobytes(), **unit)
    for response in (
        client.post(INFER, content=in_json(tensor(binary.tolist(), **unit))),
        client.post(INFER, content=in_json(tensor(binary.tolist()), **unit)),
        client.post(INFER + "?scale=unit", content=in_json(tensor(binary.tolist()))),
        client.post(INFER, content=content, headers=headers),
    ):
        assert np.array_equal(probabilities_of(response), wanted)
    assert_problem(ask(client, rows | {"parameters": {"scale": "255"}}), 400, "invalid-request")
    assert_problem(client.post(INFER, content=in_json(tensor([0], parameters={"scale": 1}))), 400, "invalid-request")


def test_whole_numbers_of_a_float_tensor_are_floats(client: TestClient, images: Images) -> None:
    """JavaScript writes 1.0 as 1, but a V2 tensor has a datatype."""
    binary = (images > 127).astype(int)
    as_floats = client.post(INFER, content=in_json(tensor(binary.tolist(), datatype="FP32")))
    as_bytes = client.post(INFER, content=in_json(tensor((binary * 255).tolist())))
    assert np.array_equal(probabilities_of(as_floats), probabilities_of(as_bytes))
    integers = client.post(INFER, content=in_json(tensor(binary.tolist(), datatype="INT32")))
    assert_problem(integers, 422, "blank-picture")


def test_rule_is_stated_where_clients_look_for_it(client: TestClient) -> None:
    (image,) = client.get("/v2/models/digits").json()["inputs"]
    assert image["properties"] == {"scale": SCALE_RULE}
    assert client.get("/v1/models/digits/metadata").json()["metadata"]["scale"] == SCALE_RULE
    assert client.get("/models/digits").json()[0]["scale"] == SCALE_RULE
    assert json.dumps(SCALE_RULE)[1:-1] in client.get("/openapi.json").text


# --- CSV --------------------------------------------------------------------------------------------------------------


def csv(images: NDArray[Any]) -> bytes:
    return b"\n".join(",".join(map(str, image.ravel().tolist())).encode() for image in images)


def test_csv_is_one_image_a_line(seven: NDArray[np.uint8]) -> None:
    for end in (b"", b"\n", b"\r\n\r\n"):
        assert np.array_equal(parse_csv(csv(np.stack([seven, STROKE])) + end), [seven.ravel(), STROKE.ravel()])
    assert parse_csv(csv((seven / 255)[np.newaxis])).dtype == np.float64
    assert parse_csv(b"\xef\xbb\xbf" + csv(seven[np.newaxis]).replace(b",", b", ")).shape == (1, 784)


@pytest.mark.parametrize(
    "change", [lambda line: b"pixel0" + line, lambda line: line.replace(b",", b";"), lambda _: b""]
)
def test_csv_of_another_form_is_refused(seven: NDArray[np.uint8], change: Any) -> None:
    with pytest.raises(InvalidRequest, match="784 numbers a line"):
        parse_csv(change(csv(seven[np.newaxis])))


@pytest.mark.parametrize(
    "change",
    [
        lambda line: b"+" + line.replace(b",", b",+"),
        lambda line: b"00" + line.replace(b",", b",00"),
        lambda line: b'"' + line.replace(b",", b'","') + b'"',
        lambda line: line + b",",
        lambda line: b"\r\n" + line + b"\r\n\r\n" + line,
    ],
    ids=["signs", "leading zeros", "quotes", "a comma at the end", "blank lines"],
)
def test_csv_as_other_programs_write_it_is_read(seven: NDArray[np.uint8], change: Any) -> None:
    read = parse_csv(change(csv(seven[np.newaxis])))
    assert read.dtype.kind == "u"
    assert np.array_equal(read, [seven.ravel()] * len(read))


def test_csv_of_numbers_with_a_point_at_the_end_is_of_floats(seven: NDArray[np.uint8]) -> None:
    read = parse_csv(csv(seven[np.newaxis]).replace(b",", b".,"))
    assert read.dtype == np.float64
    assert np.array_equal(read, [seven.ravel()])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"0," * 6 + b"x" * 100 + b",0" * 777, f"Line 2, field 7 is '{'x' * 20}', which is no number"),
        (b"0," * 6 + b"nan" + b",0" * 777, "Line 2, field 7 is 'nan'"),
        (b"0" + b";0" * 783, "Line 2, field 1 is '0;0"),
        (b"0" + b",0" * 784, "Line 2 has 785 numbers"),
        (b"0" + b",0" * 5000, "Line 2, field 785 is '0,0"),
        (b"0" + b",0" * 782, "Line 2 has 783 numbers"),
        (b"9" * 10**7, "Line 2, field 1"),
        (b"0" + b"," * 10**7 + b"0", "Line 2, field 2 is ''"),
    ],
)
def test_csv_is_refused_with_the_line_and_the_field(seven: NDArray[np.uint8], line: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(reason)):
        parse_csv(csv(seven[np.newaxis]) + b"\n" + line)


def test_csv_is_answered_as_json_or_csv(client: TestClient, images: Images, expected: NDArray[np.float32]) -> None:
    in_json = invoke(client, csv(images), "text/csv; charset=utf-8").json()["predictions"]
    assert np.array(in_json) == pytest.approx(expected, abs=1e-6)
    response = invoke(client, csv(images), "Text/CSV", accept="text/csv")
    assert response.headers["content-type"] == "text/csv"
    assert np.genfromtxt(response.text.splitlines(), delimiter=",") == pytest.approx(expected, abs=1e-6)
