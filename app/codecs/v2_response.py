"""Responses of the Open Inference Protocol (V2): JSON, and the binary tensor that may follow it.

Sources: the protocol's inference_rest.md; Triton's extension_binary_data.md and extension_classification.md.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import orjson
from pydantic import BaseModel, Field

from app.arrays import CLASSES, Probabilities
from app.codecs.predictions import ModelInfo
from app.codecs.tensors import SCALE_RULE
from app.codecs.v2_request import BYTES, JSON_LENGTH_HEADER, ParsedRequest
from app.http.endpoint import RawResponse
from app.inference.session import INPUT, OUTPUT

OCTET_STREAM = b"application/octet-stream"


class Live(BaseModel):
    live: Literal[True] = True


class ServerReady(BaseModel):
    ready: Literal[True] = True


class ModelReady(BaseModel):
    name: str
    ready: Literal[True] = True


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(description="-1: this size varies.")
    properties: dict[str, str] | None = Field(None, description="scale: what the numbers of an image mean.")


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(BaseModel):
    name: str
    datatype: str = Field(description="FP32; of classes BYTES.")
    shape: list[int]
    parameters: dict[str, Any] | None = Field(None, description="binary_data_size: the tensor follows the JSON.")
    data: list[Any] | None = Field(None, description='Probabilities, or "probability:index:label" for each class.')


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


EXTENSIONS = ["binary_tensor_data", "classification", "model_repository", "statistics"]
INPUTS = [TensorMetadata(name=INPUT, datatype="UINT8", shape=[-1, 28, 28], properties={"scale": SCALE_RULE})]
OUTPUTS = [TensorMetadata(name=OUTPUT, datatype="FP32", shape=[-1, CLASSES])]


def encode_response(model: ModelInfo, request: ParsedRequest, probabilities: Probabilities) -> RawResponse:
    binary, count = request.output
    if binary and not count and request.id is None:
        return with_blob(encode_header(model.name, model.version, len(probabilities)), probabilities.tobytes())
    classes = best_classes(probabilities, count, model.labels) if count else []
    tensor = describe_output(len(probabilities), count)
    if not binary:
        tensor["data"] = classes or probabilities.ravel()
        return RawResponse(encode_document(model.name, model.version, tensor, request.id))
    blob = join_elements(classes) if classes else probabilities.tobytes()
    tensor["parameters"] = {"binary_data_size": len(blob)}
    return with_blob(encode_document(model.name, model.version, tensor, request.id), blob)


def with_blob(header: bytes, blob: bytes) -> RawResponse:
    return RawResponse(header + blob, OCTET_STREAM, [(JSON_LENGTH_HEADER, b"%d" % len(header))])


@functools.lru_cache(maxsize=256)
def encode_header(name: str, version: int, rows: int) -> bytes:
    """The JSON before all probabilities in binary, which is the same in most responses."""
    size = {"binary_data_size": rows * CLASSES * np.dtype(np.float32).itemsize}
    return encode_document(name, version, describe_output(rows, 0) | {"parameters": size}, None)


def describe_output(rows: int, classes: int) -> dict[str, Any]:
    """`classes`: of each row the best so many, or 0 for the probabilities of all."""
    if classes:
        return {"name": OUTPUT, "datatype": BYTES, "shape": (rows, classes)}
    return {"name": OUTPUT, "datatype": "FP32", "shape": (rows, CLASSES)}


def encode_document(name: str, version: int, tensor: dict[str, Any], request_id: str | None) -> bytes:
    document: dict[str, Any] = {"model_name": name, "model_version": str(version), "outputs": [tensor]}
    if request_id is not None:
        document["id"] = request_id
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def best_classes(probabilities: Probabilities, count: int, labels: Sequence[str]) -> list[str]:
    """The `count` greatest of each row, the greatest first."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        f"{row[index]:f}:{index}:{labels[index]}"
        for row, indices in zip(probabilities.tolist(), order.tolist(), strict=True)
        for index in indices
    ]


def join_elements(strings: Sequence[str]) -> bytes:
    """BYTES in binary: before each element its length, four bytes in little-endian order."""
    return b"".join(len(string.encode()).to_bytes(4, "little") + string.encode() for string in strings)
