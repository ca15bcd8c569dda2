"""An example request and response for each operation of the OpenAPI document, as /docs shows them.

The picture is static/seven.png. The tests send each request and compare the response with its example.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.codecs.tensors import SCALE_RULE
from app.codecs.v1 import describe_metadata
from app.errors import InternalError, ServiceError, Stopping

SEVEN = base64.b64encode((Path(__file__).parents[1] / "web/static/seven.png").read_bytes()).decode()
VERSION = 7  # of the model `digits`: a version that is served, so that the examples can be sent
PROBABILITIES = [0.0, 0.0, 0.0, 0.0001, 0.0, 0.0, 0.0, 0.9997, 0.0, 0.0001]
PREDICTION = {"digit": 7, "confidence": 0.9997, "accepted": True}
SEVEN_BOX = [6, 7, 16, 20]
READING = {"text": "7", "confidence": 0.9997, "accepted": True, "satisfied": True, "box": SEVEN_BOX}
MODEL_NAME = {"name": "digits", "version": VERSION}
ATTRIBUTIONS = [[0.0] * 28 for _ in range(28)]
ATTRIBUTIONS[8][12] = ATTRIBUTIONS[14][17] = 7.2  # half of score - blank_score each
EXPLANATION = {"digit": 7, "score": 8.1, "blank_score": -6.3, "attributions": ATTRIBUTIONS}
PICTURES = {"images": [SEVEN]}
INSTANCES = {"instances": [{"b64": SEVEN}]}
IMAGE = {"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28], "properties": {"scale": SCALE_RULE}}
DURATION = {"count": 12, "ns": 1_340_000}
NO_DURATION = {"count": 0, "ns": 0}
MODEL = {
    "device": "cpu",
    "precision": "float32",
    "scale": SCALE_RULE,
    "manifest": {
        **MODEL_NAME,
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
            "version": str(VERSION),
            "inference_count": 12,
            "execution_count": 12,
            "inference_stats": {
                **dict.fromkeys(("success", "queue", "compute_infer"), DURATION),
                **dict.fromkeys(("fail", "compute_input", "compute_output", "cache_hit", "cache_miss"), NO_DURATION),
            },
            "batch_stats": [],
        }
    ]
}

PATH_PARAMETERS: dict[str, Any] = {"name": "digits", "version": VERSION, "label": "stable"}

# By operationId; operations of a version or a label have the same examples.
REQUESTS: dict[str, Any] = {
    **dict.fromkeys(("predict", "explain", "read"), PICTURES),
    **dict.fromkeys(("invocations", "v1_predict", "v1_explain"), INSTANCES),
    "correct": {"image": SEVEN, "digits": "7", "region": SEVEN_BOX, "read": "1", "model": "digits", "version": VERSION},
    "v2_infer": {
        "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [SEVEN]}],
        "outputs": [{"name": "probabilities", "parameters": {"classification": 1}}],
    },
    "v2_repository_index": {"ready": True},
    "v2_load_model": {},
    "v2_unload_model": {},
}
RESPONSES: dict[str, Any] = {
    "predict": {"model": MODEL_NAME, "predictions": [PREDICTION | {"probabilities": PROBABILITIES}]},
    "explain": {
        "model": MODEL_NAME,
        "prediction": PREDICTION | {"probabilities": PROBABILITIES},
        "explanation": EXPLANATION,
    },
    "read": {
        "model": MODEL_NAME,
        "text": "7",
        "lines": ["7"],
        "digits": [PREDICTION | {"box": SEVEN_BOX}],
        "readings": [
            {
                **READING,
                "alternatives": [{"text": "7", "probability": 0.9997}],
                "struck": False,
                "signs": [
                    {
                        "kind": "digit",
                        "text": "7",
                        "confidence": 0.9997,
                        "accepted": True,
                        "struck": False,
                        "box": SEVEN_BOX,
                    }
                ],
            }
        ],
        "page": {"turned": 0, "sheet": None},
    },
    "correct": {"id": "8f14e45fceea167a"},
    "list_models": {"default": "digits", "models": [MODEL]},
    "get_model": [MODEL],
    "health": {
        "status": "ready",
        "reason": "",
        "version": "1.0.0",
        "uptime_s": 86400,
        "pid": 4711,
        "device": "cpu",
        "default_model": "digits",
        "corrections": False,
        "models": [
            MODEL_NAME
            | {
                "device": "cpu",
                "precision": "float32",
                "labels": ["stable"],
                "queued": 0,
                "failed_runs": 0,
                "problem": "",
            }
        ],
        "refused": [],
    },
    "live": {"status": "alive"},
    "ready": {"status": "ready"},
    "metrics": '# TYPE digits_requests_total counter\ndigits_requests_total{route="/predict",status="200"} 12.0\n',
    "invocations": {"predictions": [PROBABILITIES]},
    "v1_predict": {"predictions": [PROBABILITIES]},
    "v1_explain": {"predictions": [PROBABILITIES], "explanations": [EXPLANATION]},
    "v1_list_models": {"models": ["digits", "digits-mlp"]},
    "v2_list_models": {"models": ["digits", "digits-mlp"]},
    "v1_status": {
        "name": "digits",
        "ready": True,
        "model_version_status": [
            {"version": str(VERSION), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ],
    },
    "v1_metadata": describe_metadata("digits", VERSION),
    "v2_live": {"live": True},
    "v2_ready": {"ready": True},
    "v2_server": {"name": "digits", "version": "1.0.0", "extensions": ["binary_tensor_data", "classification"]},
    "v2_model": {
        "name": "digits",
        "versions": [str(VERSION)],
        "platform": "onnx_onnxv1",
        "inputs": [IMAGE],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    },
    "v2_model_ready": {"name": "digits", "ready": True},
    **dict.fromkeys(("v2_statistics", "v2_model_statistics"), STATISTICS),
    "v2_infer": {
        "model_name": "digits",
        "model_version": str(VERSION),
        "outputs": [{"name": "probabilities", "datatype": "BYTES", "shape": [1, 1], "data": ["0.9997:7:7"]}],
    },
    "v2_repository_index": [{"name": "digits", "version": str(VERSION), "state": "READY", "reason": ""}],
}

# By the name at the end of the problem's type.
DETAILS = {
    "invalid-request": "The picture is empty: send the bytes of a PNG, JPEG, WebP, BMP, GIF or TIFF file.",
    "unauthorized": "Send a known API key, as Authorization: Bearer KEY or as X-API-Key: KEY.",
    "forbidden": "This key has no administrator rights: send an administrator's key.",
    "origin-refused": "Pages of 'https://a.page' may not send corrections: see DIGITS_CORS_ORIGINS.",
    "route-not-found": "There is nothing at /predictions: see /docs for the routes.",
    "model-not-found": "There is no model 'letters'. Served: digits, digits-mlp.",
    "template-not-found": "There is no template 'meter': choose from invoice.",
    "corrections-closed": "This service keeps no corrections: the operator opens a folder with DIGITS_CORRECTIONS.",
    "method-not-allowed": "/predict does not support GET: use POST.",
    "request-timeout": "The request was not complete within 10 s: send it again, or a smaller one.",
    "body-too-large": "The body is larger than 16,777,216 bytes: send less in one request.",
    "too-many-pixels": "The picture has 12000 x 9000 pixels, but at most 50,000,000 are accepted: send a smaller one.",
    "too-many-pictures": "One request may contain at most 256 pictures: send the rest in another.",
    "too-many-digits": "There is ink for more than the 256 digits we read at once: send a part of it.",
    "too-many-pages": "140 pages are too many: one request reads at most 100, chosen by ?pages=1-100.",
    "unsupported-coding": "Content-Encoding 'br' is not supported: send gzip or deflate, or plain.",
    "unsupported-picture": "The bytes are not a picture in a supported format: send PNG, JPEG, WebP, BMP, GIF or TIFF.",
    "blank-picture": "The picture has no ink on it: send one with a digit drawn on it.",
    "several-digits": "The picture shows several digits: send it to /read, or crop it to one of them.",
    "internal-error": InternalError().detail,
    "overloaded": "The queue is full (512 images are waiting): retry later.",
    "not-ready": "The model 'digits' is being loaded: retry later.",
    "stopping": Stopping().detail,
    "deadline-exceeded": "The request was not answered in time: retry later, or send less at once.",
    "corrections-full": "The disk of the folder of corrections is full: ask the operator.",
    "audit-unavailable": "The audit log cannot be written, and nothing is done without it: ask the operator.",
}


def kinds_of(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """The errors that are really sent: without the bases that they share."""
    children = error.__subclasses__()
    yield from (kind for child in children for kind in kinds_of(child)) if children else [error]


def problem_example(error: type[ServiceError]) -> dict[str, Any]:
    detail = DETAILS[error.slug]
    members = {"title": error.title, "status": int(error.status), "detail": detail, "error": detail}
    return {"summary": error.title, "value": {"type": f"urn:digits:problem:{error.slug}", **members}}


PROBLEM_EXAMPLES = {error.slug: problem_example(error) for error in kinds_of(ServiceError)}


def problem_examples(*errors: type[ServiceError]) -> dict[str, Any]:
    """References to the examples of these errors, of which there is one for each kind."""
    slugs = [kind.slug for error in errors for kind in kinds_of(error)]
    return {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}


def add_examples(operation: dict[str, Any]) -> None:
    """To the JSON of a request, to its response, and to the parameters in its path."""
    name = operation["operationId"].removesuffix("_of_version").removesuffix("_of_label")
    if name in REQUESTS:
        operation["requestBody"]["content"]["application/json"]["example"] = REQUESTS[name]
    if name in RESPONSES:
        content = success(operation)["content"]
        content["application/json" if "application/json" in content else "text/plain"]["example"] = RESPONSES[name]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            example = PATH_PARAMETERS[parameter["name"]]
            parameter["example"] = str(example) if parameter["schema"]["type"] == "string" else example


def success(operation: dict[str, Any]) -> dict[str, Any]:
    """The response to a request that succeeds: it has the lowest status."""
    response: dict[str, Any] = operation["responses"][min(operation["responses"])]
    return response
