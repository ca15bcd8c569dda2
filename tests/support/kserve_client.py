"""Asks a running service through KServe's own client, and prints what it says as JSON.

It is run by the Python of an environment of its own (make .cache/kserve/stamp), with the address, the protocol and a
model's name as arguments and images (n, 28, 28) as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # type: ignore[import-not-found]


def request_v1(model: str, images: Any) -> Any:
    return {"instances": images.tolist()}


def request_v2(model: str, images: Any) -> Any:
    tensor = InferInput("image", list(images.shape), "UINT8")
    tensor.set_data_from_numpy(images)  # binary, after the JSON
    return InferRequest(model, [tensor])


async def ask(address: str, protocol: str, model: str, images: Any) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
        said: dict[str, Any] = {
            "server live": await client.is_server_live(address),
            "model ready": await client.is_model_ready(address, model),
        }
        if protocol == "v1":
            answer = await client.infer(address, request_v1(model, images), model)
            return said | {"probabilities": answer["predictions"]}
        said["server ready"] = await client.is_server_ready(address)
        answer = await client.infer(address, request_v2(model, images), model)
        return said | {"probabilities": answer.outputs[0].as_numpy().tolist()}


if __name__ == "__main__":
    given = np.array(json.load(sys.stdin), np.uint8)
    print(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2], sys.argv[3], given))))
