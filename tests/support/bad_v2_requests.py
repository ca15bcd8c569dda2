"""Requests of the V2 protocol that are refused with 400, by what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.v2_requests import Body, in_binary, in_json, output_with, tensor, with_length

ZEROS = [0] * 784
BLANK = bytes(784)
ONE = (1, 28, 28)  # the shape of one image


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
    "output twice": in_json(tensor(ZEROS, ONE), outputs=output_with() * 2),
    "output without a name": in_json(tensor(ZEROS, ONE), outputs=[{}]),
    "binary_data a string": in_json(tensor(ZEROS, ONE), outputs=output_with(binary_data="yes")),
    "classification negative": in_json(tensor(ZEROS, ONE), outputs=output_with(classification=-1)),
    "classification a string": in_json(tensor(ZEROS, ONE), outputs=output_with(classification="3")),
    "classification a boolean": in_json(tensor(ZEROS, ONE), outputs=output_with(classification=True)),
    "binary size without a header": in_json(tensor(None, ONE, parameters={"binary_data_size": 784})),
    "binary size and data": in_json(tensor(ZEROS, ONE, parameters={"binary_data_size": 0})),
    "pictures in a shape of images": in_json(tensor(["aGk="], ONE, "BYTES")),
    "fewer pictures than its shape": in_json(tensor(["aGk="], [2], "BYTES")),
    "a picture that is no base64": in_json(tensor(["%"], [1], "BYTES")),
    "a picture that is a number": in_json(tensor([1], [1], "BYTES")),
    "a picture nested": in_json(tensor([[["aGk="]]], [1, 1], "BYTES")),
    "no pictures": in_json(tensor([], [0], "BYTES")),
}


def with_json_length(length: object, body: bytes = in_binary(BLANK, ONE)[0]) -> Body:
    return body, {"Inference-Header-Content-Length": str(length)}


def with_tensor_size(size: Any, blob: bytes = BLANK, datatype: str = "UINT8", shape: Any = ONE) -> Body:
    """A body whose JSON says `size` of the tensor after it."""
    text = in_json({"name": "image", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}})
    return text + blob, {"Inference-Header-Content-Length": str(len(text))}


def with_data_and_tensor() -> Body:
    text = in_json(tensor(ZEROS, ONE, parameters={"binary_data_size": 784}))
    return text + BLANK, {"Inference-Header-Content-Length": str(len(text))}


GOOD_JSON = in_json(tensor(ZEROS, ONE))
BAD_BINARY: dict[str, Body] = {
    "header longer than the body": with_json_length(100_000),
    "header one byte longer": with_json_length(len(in_binary(BLANK, ONE)[0]) + 1),
    "header longer than JSON alone": with_json_length(10_000, GOOD_JSON),
    "header enormous": with_json_length("9" * 5000),
    "header negative": with_json_length(-1),
    "header signed": with_json_length("+10"),
    "header a fraction": with_json_length("10.0"),
    "header words": with_json_length("long"),
    "header empty": with_json_length(""),
    "header within the JSON": with_json_length(40),
    "header within the tensor": with_json_length(len(in_binary(BLANK, ONE)[0]) - 700),
    "no header": (in_binary(BLANK, ONE)[0], {}),
    "size smaller than what follows": with_tensor_size(783),
    "size larger than what follows": with_tensor_size(785),
    "size negative": with_tensor_size(-784),
    "size enormous": with_tensor_size(2**62),
    "size a string": with_tensor_size("784"),
    "size a float": with_tensor_size(784.0),
    "no size": with_tensor_size(None),
    "bytes left over": with_tensor_size(784, BLANK + b"x"),
    "bytes left over after JSON alone": with_json_length(len(GOOD_JSON), GOOD_JSON + b"x"),
    "nothing follows": with_tensor_size(0, b""),
    "data and size": with_data_and_tensor(),
    "too few for the datatype": with_tensor_size(784, BLANK, "FP32"),
    "too many for the shape": with_tensor_size(1568, BLANK * 2),
    "negative shape": with_tensor_size(784, BLANK, shape=[-1, 28, 28]),
    "negative numbers": with_tensor_size(784, b"\xff" * 784, "INT8"),
    "NaN": in_binary(np.full(784, np.nan, "<f4").tobytes(), ONE, "FP32"),
    "NaN in FP16": in_binary(np.full(784, np.nan, "<f2").tobytes(), ONE, "FP16"),
    "infinity": in_binary(np.full(784, np.inf, "<f8").tobytes(), ONE, "FP64"),
    "above 255": in_binary(np.full(784, 256, "<u2").tobytes(), ONE, "UINT16"),
    "BOOL": in_binary(BLANK, ONE, "BOOL"),
    "BF16": in_binary(BLANK * 2, ONE, "BF16"),
    "raw and empty": (b"", {"Inference-Header-Content-Length": "0"}),
    "raw of a wrong length": (bytes(783), {"Inference-Header-Content-Length": "0"}),
    "picture longer than the tensor": in_binary(b"\xff\xff\xff\xffabc", [1], "BYTES"),
    "picture shorter than the tensor": in_binary(with_length(b"abc") + b"d", [1], "BYTES"),
    "half a length": in_binary(b"\x01\0", [1], "BYTES"),
    "fewer pictures than the shape": in_binary(with_length(b"abc"), [2], "BYTES"),
    "an empty picture": in_binary(with_length(b""), [1], "BYTES"),
}
