"""V2 responses: probabilities and classes, in JSON and in binary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.arrays import Images, Probabilities
from tests.conftest import NEWEST
from tests.support.v2_requests import (
    INFER,
    binary_output_of,
    in_binary,
    in_json,
    output_of,
    output_with,
    probabilities_of,
    tensor,
)


def test_json_response_has_the_members_of_the_protocol(
    client: TestClient, images: Images, expected: Probabilities
) -> None:
    response = client.post(INFER, content=in_json(tensor(images.ravel().tolist()), id="seven"))
    document = response.json()
    assert (document["model_name"], document["model_version"], document["id"]) == ("digits", NEWEST, "seven")
    assert np.array_equal(probabilities_of(response), expected)
    assert "id" not in client.post(INFER, content=in_json(tensor(images.ravel().tolist()))).json()


@pytest.mark.parametrize(
    "options",
    [{"parameters": {"binary_data_output": True}}, {"outputs": output_with(binary_data=True)}],
    ids=["all", "own"],
)
def test_output_is_sent_in_binary_on_request(
    client: TestClient, images: Images, expected: Probabilities, options: dict[str, Any]
) -> None:
    content, headers = in_binary(images.tobytes(), **options)
    for response in (
        client.post(INFER, content=content, headers=headers),
        client.post(INFER, content=in_json(tensor(images.tolist()), **options)),
    ):
        output, blob = binary_output_of(response)
        assert (output["datatype"], output["shape"]) == ("FP32", [3, 10])
        assert np.array_equal(np.frombuffer(blob, "<f4").reshape(3, 10), expected)


def test_parameter_of_an_output_takes_precedence_over_the_requests(client: TestClient, images: Images) -> None:
    body = in_json(
        tensor(images.tolist()), parameters={"binary_data_output": True}, outputs=output_with(binary_data=False)
    )
    assert output_of(client.post(INFER, content=body))["shape"] == [3, 10]


def test_raw_tensor_is_answered_in_binary(client: TestClient, images: Images, expected: Probabilities) -> None:
    for count in (1, 3):
        headers = {"Inference-Header-Content-Length": "0"}
        _, blob = binary_output_of(client.post(INFER, content=images[:count].tobytes(), headers=headers))
        assert np.allclose(np.frombuffer(blob, "<f4").reshape(count, 10), expected[:count], atol=1e-6)


def test_classes_are_the_best_with_index_and_label(client: TestClient, images: Images, expected: Probabilities) -> None:
    response = client.post(INFER, content=in_json(tensor(images.tolist()), outputs=output_with(classification=2)))
    output = output_of(response)
    assert (output["datatype"], output["shape"]) == ("BYTES", [3, 2])
    for row, first, second in zip(expected, output["data"][::2], output["data"][1::2], strict=True):
        best, next_best = np.argsort(-row)[:2]
        assert first == f"{row[best]:f}:{best}:{best}"
        assert second == f"{row[next_best]:f}:{next_best}:{next_best}"


def test_classes_in_binary_are_preceded_by_their_lengths(client: TestClient, images: Images) -> None:
    requested = output_with(classification=99, binary_data=True)
    output, blob = binary_output_of(client.post(INFER, content=in_json(tensor(images.tolist()), outputs=requested)))
    assert (output["datatype"], output["shape"]) == ("BYTES", [3, 10])
    elements = []
    while blob:
        size = int.from_bytes(blob[:4], "little")
        elements.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    assert len(elements) == 30
    assert [element.split(b":")[1] for element in elements[::10]] == [b"7", b"2", b"1"]
