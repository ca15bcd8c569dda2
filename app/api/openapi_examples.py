"""A request and its answer for each operation of the OpenAPI document: what /docs shows, and what anyone may send.

The picture is static/seven.png. The tests send each request and hold each answer against the real one.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

SEVEN = base64.b64encode((Path(__file__).parents[1] / "web/static/seven.png").read_bytes()).decode()
PROBABILITIES = [0.0, 0.0, 0.0, 0.0001, 0.0, 0.0, 0.0, 0.9997, 0.0, 0.0001]
CERTAIN = {"digit": 7, "confidence": 0.9997, "accepted": True}
NAME = {"name": "digits", "version": 1}
TWO_PIXELS = [[0.0] * 28 for _ in range(28)]  # that decided, each for its half
TWO_PIXELS[8][12] = TWO_PIXELS[14][17] = 7.2
EXPLANATION = {"digit": 7, "score": 8.1, "blank_score": -6.3, "attributions": TWO_PIXELS}
PICTURE = {"images": [SEVEN]}
INSTANCES = {"instances": [{"b64": SEVEN}]}
IMAGE = {"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}
TOOK = {"count": 12, "ns": 1_340_000}
NEVER = {"count": 0, "ns": 0}
SIGNATURE = {
    "inputs": {
        "image": {
            "dtype": "DT_UINT8",
            "tensor_shape": {"dim": [{"size": size, "name": ""} for size in ("-1", "28", "28")], "unknown_rank": False},
            "name": "image",
        }
    },
    "outputs": {
        "probabilities": {
            "dtype": "DT_FLOAT",
            "tensor_shape": {"dim": [{"size": size, "name": ""} for size in ("-1", "10")], "unknown_rank": False},
            "name": "probabilities",
        }
    },
    "method_name": "tensorflow/serving/predict",
}
MODEL = {
    "device": "cpu",
    "manifest": {
        **NAME,
        "created": "2026-11-23T18:04:11Z",
        "labels": [str(digit) for digit in range(10)],
        "inputs": [{"name": "image", "dtype": "uint8", "shape": ["n", 28, 28]}],
        "outputs": [{"name": "probabilities", "dtype": "float32", "shape": ["n", 10]}],
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "bytes": 742_463,
        "parameters": 184_987,
        "threshold": 0.537,
        "temperature": 0.54,
        "data": {"name": "MNIST", "licence": "CC BY-SA 3.0"},
        "seed": 0,
        "config": {"arch": "cnn", "epochs": 120},
        "libraries": {"keras": "3.15.1"},
        "metrics": [
            {"name": "accuracy", "value": 0.9958, "data": "mnist-test, 10000 images", "interval": [0.9944, 0.9969]}
        ],
        "parity": {
            "data": "mnist-test, 10000 images",
            "batch_sizes": [1, 64],
            "max_abs_difference": 1e-6,
            "equal_argmax": True,
        },
    },
}
STATISTICS = {
    "model_stats": [
        {
            "name": "digits",
            "version": "1",
            "inference_count": 12,
            "execution_count": 12,
            "inference_stats": {
                **dict.fromkeys(("success", "queue", "compute_infer"), TOOK),
                **dict.fromkeys(("fail", "compute_input", "compute_output", "cache_hit", "cache_miss"), NEVER),
            },
            "batch_stats": [],
        }
    ]
}

PARAMETERS: dict[str, Any] = {"name": "digits", "version": 1, "label": "stable"}  # in paths

# By operationId; those of a version or a label ask and answer the same.
REQUESTS: dict[str, Any] = {
    **dict.fromkeys(("predict", "explain", "read"), PICTURE),
    **dict.fromkeys(("invocations", "v1_predict", "v1_explain"), INSTANCES),
    "v2_infer": {
        "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [SEVEN]}],
        "outputs": [{"name": "probabilities", "parameters": {"classification": 1}}],
    },
    "v2_repository_index": {"ready": True},
    "v2_load_model": {},
    "v2_unload_model": {},
}
ANSWERS: dict[str, Any] = {
    "predict": {"model": NAME, "predictions": [CERTAIN | {"probabilities": PROBABILITIES}]},
    "explain": {
        "model": NAME,
        "prediction": CERTAIN | {"probabilities": PROBABILITIES},
        "explanation": EXPLANATION,
    },
    "read": {"model": NAME, "text": "7", "lines": ["7"], "digits": [CERTAIN | {"box": [6, 7, 16, 20]}]},
    "list_models": {"default": "digits", "models": [MODEL]},
    "get_model": [MODEL],
    "health": {
        "status": "ready",
        "version": "1.0.0",
        "pid": 4711,
        "device": "cpu",
        "default_model": "digits",
        "models": [NAME | {"device": "cpu", "labels": ["stable"], "queued": 0}],
        "refused": [],
    },
    "live": {"status": "alive"},
    "ready": {"status": "ready"},
    "metrics": '# TYPE digits_requests_total counter\ndigits_requests_total{route="/predict",status="200"} 12.0\n',
    "invocations": {"predictions": [PROBABILITIES]},
    "v1_predict": {"predictions": [PROBABILITIES]},
    "v1_explain": {"predictions": [PROBABILITIES], "explanations": [EXPLANATION]},
    "v1_list_models": {"models": ["digits", "digits-mlp"]},
    "v1_status": {
        "name": "digits",
        "ready": True,
        "model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ],
    },
    "v1_metadata": {
        "model_spec": {"name": "digits", "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}},
    },
    "v2_live": {"live": True},
    "v2_ready": {"ready": True},
    "v2_server": {"name": "digits", "version": "1.0.0", "extensions": ["binary_tensor_data", "classification"]},
    "v2_model": {
        "name": "digits",
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [IMAGE],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    },
    "v2_model_ready": {"name": "digits", "ready": True},
    **dict.fromkeys(("v2_statistics", "v2_model_statistics"), STATISTICS),
    "v2_infer": {
        "model_name": "digits",
        "model_version": "1",
        "outputs": [{"name": "probabilities", "datatype": "BYTES", "shape": [1, 1], "data": ["0.9997:7:7"]}],
    },
    "v2_repository_index": [{"name": "digits", "version": "1", "state": "READY", "reason": ""}],
}


def add_examples(operation: dict[str, Any]) -> None:
    """To a request in JSON, to its answer, and to what its path names."""
    name = operation["operationId"].removesuffix("_of_version").removesuffix("_of_label")
    if name in REQUESTS:
        operation["requestBody"]["content"]["application/json"]["example"] = REQUESTS[name]
    if name in ANSWERS:
        content = operation["responses"]["200"]["content"]
        content["application/json" if "application/json" in content else "text/plain"]["example"] = ANSWERS[name]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            example = PARAMETERS[parameter["name"]]
            parameter["example"] = str(example) if parameter["schema"]["type"] == "string" else example
