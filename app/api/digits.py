"""Our own API: pictures in, digits out, one or many to a picture."""

from __future__ import annotations

import base64
import functools
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import cv2
import numpy as np
import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.state import ApiRequest
from app.arrays import Images, Probabilities
from app.codecs.bodies import BINARY, REQUEST_BODY, Limits, is_picture, parse_pictures, parse_single_picture
from app.errors import InvalidRequest, Problem
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.inference.explanation import Explained, Explanation, explain, overlay
from app.preprocessing.decode import open_picture
from app.preprocessing.pool import prepare, prepare_small, threads
from app.repository.servable import Servable
from app.segmentation import document
from app.segmentation.document import Document, RecognizedDigit

router = APIRouter(tags=["digits"])


class ModelName(BaseModel):
    name: str
    version: int


class Prediction(BaseModel):
    """What one picture was read as."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(description="Calibrated probability that the picture is this digit.")
    probabilities: list[float] = Field(description="Of the digits 0 to 9.", min_length=10, max_length=10)
    accepted: bool = Field(description="Whether the confidence reaches the model's threshold.")
    image: str | None = Field(
        default=None, description="With return_image=true: the 28 x 28 image the model saw, a PNG as base64."
    )


class Predictions(BaseModel):
    """One prediction a picture, in the order they were sent."""

    model: ModelName
    predictions: list[Prediction]


class ExplainedPrediction(BaseModel):
    """What one picture was read as, and which pixels decided."""

    model: ModelName
    prediction: Prediction
    explanation: Explained


class PageDigit(BaseModel):
    """A digit found on a page."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(description="Calibrated probability that what is in the box is this digit.")
    accepted: bool = Field(description="Whether the confidence reaches the model's threshold.")
    box: tuple[int, int, int, int] = Field(
        description="x, y, width and height in pixels of the picture as it was sent, turned upright as its EXIF says."
    )


class ReadPage(BaseModel):
    """What is written on a page: lines from the top to the bottom, digits from the left to the right."""

    model: ModelName
    text: str = Field(description="The lines, with a line break between them.")
    lines: list[str] = Field(description="The digits of each line. None if there is ink, but no digit.")
    digits: list[PageDigit] = Field(description="Those of the first line, then those of the second, and so on.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be understood"},
    404: {"model": Problem, "description": "No such model or version"},
    413: {"model": Problem, "description": "The body, the picture or the number of pictures or digits is too large"},
    415: {"model": Problem, "description": "Not a picture, a damaged one, or of a format we do not read"},
    422: {"model": Problem, "description": "The picture is blank"},
    503: {"model": Problem, "description": "Overloaded or shutting down; see Retry-After"},
}


MODEL_PARAMETERS = [
    {
        "name": "model",
        "in": "query",
        "description": "A model's name; the default model if absent.",
        "schema": {"type": "string"},
    },
    {
        "name": "version",
        "in": "query",
        "description": "A version; the newest if absent.",
        "schema": {"type": "integer"},
    },
]
RETURN_IMAGE = {
    "name": "return_image",
    "in": "query",
    "description": "Add the 28 x 28 image the model saw.",
    "schema": {"type": "boolean", "default": False},
}
DIGIT = {
    "name": "digit",
    "in": "query",
    "description": "The digit to explain; the one that is read if absent.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 9},
}


BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class Options(NamedTuple):
    """What a query may say."""

    model: str | None = None
    version: int | None = None
    return_image: bool = False
    digit: int | None = None


async def predict(call: ApiRequest) -> RawResponse:
    """Reads one or many pictures, each of one digit: any size, polarity and place on the picture."""
    options = (read_options_again if len(call.query) < 100 else read_options)(call.query)
    servable = call.state.repository.get(options.model, options.version)
    servable.check_capacity()
    limits: Limits = call.state.limits
    images = prepare_small(call.body, limits.max_pixels) if is_picture(call) else None
    if images is None:
        pictures = await parse_pictures(call, limits)
        images = await prepare(pictures, limits.max_pixels)
    probabilities = await servable.predict(images)
    return RawResponse(encode(servable, probabilities, images if options.return_image else None))


HOT_ROUTES = [HotRoute("/predict", predict)]

router.add_api_route(
    "/predict",
    fastapi_endpoint(predict),
    methods=["POST"],
    operation_id="predict",
    response_model=Predictions,
    responses=PROBLEMS,
    openapi_extra={"requestBody": REQUEST_BODY, "parameters": [*MODEL_PARAMETERS, RETURN_IMAGE]},
)


async def explain_picture(call: ApiRequest) -> RawResponse:
    """Reads one picture of one digit, and tells how much each pixel speaks for that digit, or for another one.

    With `Accept: image/png` it answers the digit itself instead, coloured: blue speaks for it, orange against it.
    """
    options = read_options(call.query)
    servable = call.state.repository.get(options.model, options.version)
    servable.check_capacity()
    limits: Limits = call.state.limits
    pictures = [await parse_single_picture(call, limits)]
    images = await prepare(pictures, limits.max_pixels)
    probabilities, (explanation,) = await explain(servable.ask, images, options.digit)
    if b"image/png" in call.headers.get(b"accept", b""):
        return RawResponse(overlay(images[0], explanation.attributions), b"image/png")
    return RawResponse(encode_explained(servable, probabilities, images if options.return_image else None, explanation))


router.add_api_route(
    "/explain",
    fastapi_endpoint(explain_picture),
    methods=["POST"],
    operation_id="explain",
    summary="Explain",
    response_model=ExplainedPrediction,
    responses=PROBLEMS | {200: {"content": {"image/png": BINARY}}},
    openapi_extra={"requestBody": REQUEST_BODY, "parameters": [*MODEL_PARAMETERS, RETURN_IMAGE, DIGIT]},
)


async def read(call: ApiRequest) -> RawResponse:
    """Reads one picture of several digits: a postcode, a form's field, a meter, a column of numbers.

    Lines may slope a little, digits may touch and their strokes be broken; specks, points, dashes and frames are passed
    over.
    """
    options = read_options(call.query)
    servable = call.state.repository.get(options.model, options.version)
    servable.check_capacity()
    limits: Limits = call.state.limits
    content = await parse_single_picture(call, limits)
    page = await threads.run(find_digits, content, limits)
    return RawResponse(encode_page(servable, page.decode(await servable.predict(page.images))))


router.add_api_route(
    "/read",
    fastapi_endpoint(read),
    methods=["POST"],
    operation_id="read",
    response_model=ReadPage,
    responses=PROBLEMS,
    openapi_extra={"requestBody": REQUEST_BODY, "parameters": MODEL_PARAMETERS},
)


def find_digits(content: bytes, limits: Limits) -> Document:
    return document.segment(open_picture(content, limits.max_pixels), limits.max_pictures)


def read_options(query: bytes) -> Options:
    """Raises `InvalidRequest`. Parameters that are not ours are left alone."""
    try:
        given = {name: values[-1] for name, values in parse_qs(query.decode(), keep_blank_values=True).items()}
    except ValueError as error:
        raise InvalidRequest("The query cannot be read: write it as name=value&name=value.") from error
    version, digit = given.get("version"), given.get("digit")
    return_image = given.get("return_image", "false").lower()
    if version is not None and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidRequest("The parameter 'version' is wrong: give a whole number.")
    if return_image not in BOOLEANS:
        raise InvalidRequest("The parameter 'return_image' is wrong: give true or false.")
    if digit is not None and not re.fullmatch("[0-9]", digit):
        raise InvalidRequest("The parameter 'digit' is wrong: give one from 0 to 9.")
    return Options(
        given.get("model"),
        None if version is None else int(version),
        BOOLEANS[return_image],
        None if digit is None else int(digit),
    )


read_options_again = functools.lru_cache(maxsize=1024)(read_options)  # callers ask the same again and again


def encode(servable: Servable, probabilities: Probabilities, images: Images | None) -> bytes:
    """As `Predictions` says, written by orjson straight from the arrays."""
    answer = {"model": model_name(servable), "predictions": describe_predictions(servable, probabilities, images)}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_explained(
    servable: Servable, probabilities: Probabilities, images: Images | None, explanation: Explanation
) -> bytes:
    """As `ExplainedPrediction` says."""
    (prediction,) = describe_predictions(servable, probabilities, images)
    answer = {"model": model_name(servable), "prediction": prediction, "explanation": explanation}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_page(servable: Servable, read: list[list[RecognizedDigit]]) -> bytes:
    """As `ReadPage` says."""
    threshold = servable.manifest.threshold
    texts = ["".join(str(each.digit) for each in line) for line in read]
    digits = [
        {
            "digit": each.digit,
            "confidence": np.float32(each.confidence),  # written as short as on the other routes
            "accepted": each.confidence >= threshold,
            "box": each.box,
        }
        for line in read
        for each in line
    ]
    answer = {"model": model_name(servable), "text": "\n".join(texts), "lines": texts, "digits": digits}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def model_name(servable: Servable) -> dict[str, Any]:
    return {"name": servable.manifest.name, "version": servable.manifest.version}


def describe_predictions(
    servable: Servable, probabilities: Probabilities, images: Images | None
) -> list[dict[str, Any]]:
    threshold = servable.manifest.threshold
    predictions = [describe_prediction(probabilities[i], threshold) for i in range(len(probabilities))]
    if images is not None:
        for prediction, seen in zip(predictions, images, strict=True):
            prediction["image"] = base64.b64encode(cv2.imencode(".png", seen)[1].tobytes()).decode()
    return predictions


def describe_prediction(row: Probabilities, threshold: float) -> dict[str, Any]:
    digit = int(row.argmax())
    accepted = row.item(digit) >= threshold
    return {"digit": digit, "confidence": row[digit], "probabilities": row, "accepted": accepted}
