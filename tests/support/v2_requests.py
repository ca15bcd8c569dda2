"""Requests and responses of the V2 protocol, in JSON and in binary."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import Images
from tests.support.pictures import encode

INFER = "/v2/models/digits/infer"
DTYPES = {f"UINT{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)} | {f"INT{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)}
DTYPES |= {f"FP{8 * n}": f"<f{n}" for n in (2, 4, 8)}

Body = tuple[bytes, dict[str, str]]  # and its headers


def tensor(data: Any, shape: Any = (3, 28, 28), datatype: Any = "UINT8", **more: Any) -> dict[str, Any]:
    return {"name": "image", "shape": shape, "datatype": datatype, "data": data, **more}


def in_json(*inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def in_binary(blob: bytes, shape: Any = (3, 28, 28), datatype: Any = "UINT8", **more: Any) -> Body:
    """A body with one binary tensor, and its headers."""
    header = {"name": "image", "shape": shape, "datatype": datatype}
    text = json.dumps({"inputs": [header | {"parameters": {"binary_data_size": len(blob)}}], **more}).encode()
    return text + blob, {"Inference-Header-Content-Length": str(len(text))}


def output_with(**parameters: Any) -> list[dict[str, Any]]:
    return [{"name": "probabilities", "parameters": parameters}]


def with_length(content: bytes) -> bytes:
    """An element of a BYTES tensor in binary."""
    return len(content).to_bytes(4, "little") + content


def good_requests(images: Images) -> list[Body]:
    return [
        (in_json(tensor(images.tolist()), id="x"), {}),
        (in_json(tensor(images.ravel().tolist()), outputs=output_with(classification=3)), {}),
        (in_json(tensor(images.ravel().tolist(), datatype="FP32"), outputs=output_with(binary_data=True)), {}),
        in_binary(images.tobytes()),
        in_binary(images.astype("<f4").tobytes(), datatype="FP32", parameters={"binary_data_output": True}),
        in_binary(with_length(encode(images[0])) + with_length(encode(images[1])), [2], "BYTES"),
        (images.tobytes(), {"Inference-Header-Content-Length": "0"}),
    ]


def output_of(response: Any) -> dict[str, Any]:
    """The one output of a response in JSON."""
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
    """The one output of a response in binary, and its tensor."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    document, blob = json.loads(response.content[:length]), response.content[length:]
    (output,) = document["outputs"]
    assert output["parameters"] == {"binary_data_size": len(blob)}
    assert "data" not in output
    return output, blob
