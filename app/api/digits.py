"""Our own API: pictures in, digits out; and what models there are."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app import image
from app.errors import InvalidRequest, Problem, ServiceError, TooManyPictures
from app.model import Device, Images, Probabilities
from app.repository import Manifest, ModelRepository, Servable

router = APIRouter(tags=["digits"])

# A picture of 28 x 28 is prepared in less time than a thread is woken. Measured on one core, PNG, decoding included:
# 28 x 28 in 95 us, 280 x 280 in 470 us; to a thread and back alone 120 us.
INLINE_PIXELS = 300 * 300


@dataclass(frozen=True)
class Limits:
    max_pictures: int
    max_pixels: int


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


class Pictures(BaseModel):
    """The JSON form of a request."""

    images: list[str] = Field(description="Each a picture file as base64, or as a data URL.", min_length=1)


class Model(BaseModel):
    """A version being served."""

    device: Device = Field(description="The device it really runs on.")
    manifest: Manifest


class ModelList(BaseModel):
    default: str
    models: list[Model]


PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES = {"schema": {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}}
REQUEST_BODY = {
    "required": True,
    "description": "The bytes of one picture; or files as multipart/form-data; or base64 in JSON.",
    "content": {
        **dict.fromkeys(PICTURE_TYPES, BINARY),
        "multipart/form-data": FILES,
        "application/json": {"schema": Pictures.model_json_schema()},
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be understood"},
    404: {"model": Problem, "description": "No such model or version"},
    413: {"model": Problem, "description": "The body, the picture or the number of pictures is too large"},
    415: {"model": Problem, "description": "Not a picture, a damaged one, or of a format we do not read"},
    422: {"model": Problem, "description": "The picture is blank"},
    503: {"model": Problem, "description": "Overloaded or shutting down; see Retry-After"},
}


@router.post(
    "/predict",
    operation_id="predict",
    response_model=Predictions,
    responses=PROBLEMS,
    openapi_extra={"requestBody": REQUEST_BODY},
)
async def predict(
    request: Request,
    model: Annotated[str | None, Query(description="A model's name; the default model if absent.")] = None,
    version: Annotated[int | None, Query(description="A version; the newest if absent.")] = None,
    return_image: Annotated[bool, Query(description="Add the 28 x 28 image the model saw.")] = False,
) -> Response:
    """Reads one or many pictures, each of one digit: any size, polarity and place on the picture."""
    servable = request.app.state.repository.get(model, version)
    limits: Limits = request.app.state.limits
    images = await prepare(await read_pictures(request, limits), limits)
    probabilities = await servable.predict(images)
    return answer(servable, probabilities, images if return_image else None)


@router.get("/models", operation_id="list_models")
async def list_models(request: Request) -> ModelList:
    """Every version being served, with its manifest."""
    repository: ModelRepository = request.app.state.repository
    return ModelList(default=repository.default_model, models=[describe(each) for each in repository])


@router.get("/models/{name}", operation_id="get_model", responses={404: PROBLEMS[404]})
async def get_model(request: Request, name: str) -> list[Model]:
    """The versions of one model, oldest first."""
    repository: ModelRepository = request.app.state.repository
    return [describe(each) for _, each in sorted(repository.versions(name).items())]


def describe(servable: Servable) -> Model:
    return Model(device=servable.model.device, manifest=servable.manifest)


async def read_pictures(request: Request, limits: Limits) -> list[bytes]:
    """The picture files of a request, whatever form they were sent in."""
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        pictures = await read_form(request, limits)
    else:
        body = await request.body()
        # No picture begins with a brace, so curl's `-d '{...}'` works whatever type curl gives it.
        is_json = content_type.startswith("application/json") or body.lstrip()[:1] == b"{"
        pictures = read_json(body) if is_json else [body]
    if len(pictures) > limits.max_pictures:
        raise too_many(limits)
    return pictures


class InMemoryParser(MultiPartParser):
    """Never spools to disk: pictures are not stored, and the body's own limit bounds the memory."""

    spool_max_size = 2**31


async def read_form(request: Request, limits: Limits) -> list[bytes]:
    try:
        form = await InMemoryParser(request.headers, request.stream(), max_files=limits.max_pictures).parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise too_many(limits) from error
        raise InvalidRequest(f"The form cannot be read: {error.message}") from error
    except (LookupError, ValueError) as error:  # what its parser raises on headers that make no sense
        raise InvalidRequest("The form cannot be read: its parts are malformed.") from error
    try:
        pictures = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
    finally:
        await form.close()
    if not pictures:
        raise InvalidRequest("The form holds no file: send each picture as a file (curl -F file=@digit.png).")
    return pictures


def read_json(body: bytes) -> list[bytes]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    texts = document.get("images") if isinstance(document, dict) else None
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest('The JSON must be {"images": ["<base64 or data URL>", ...]} with at least one image.')
    return [from_base64(text, index) for index, text in enumerate(texts)]


def from_base64(text: Any, index: int) -> bytes:
    """Plain base64, or what follows the comma of a data URL."""
    if not isinstance(text, str):
        raise InvalidRequest("Each of images must be a string: a picture file as base64 or data URL.", picture=index)
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)  # the command base64 breaks its lines
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The image is not valid base64.", picture=index) from error


def too_many(limits: Limits) -> TooManyPictures:
    return TooManyPictures(f"At most {limits.max_pictures} pictures fit one request: send the rest in another.")


async def prepare(pictures: list[bytes], limits: Limits) -> Images:
    """Picture files -> (n, 28, 28). Small ones at once, large ones in a thread beside the event loop."""
    opened = []
    for index, content in enumerate(pictures):
        with about(index):
            opened.append(image.open_picture(content, limits.max_pixels))
    if sum(picture.width * picture.height for picture in opened) <= INLINE_PIXELS:
        return to_images(opened)
    return await asyncio.to_thread(to_images, opened)


def to_images(pictures: list[Any]) -> Images:
    images = np.empty((len(pictures), image.SIZE, image.SIZE), np.uint8)
    for index, picture in enumerate(pictures):
        with about(index):
            images[index] = image.to_mnist(picture)
    return images


@contextmanager
def about(index: int) -> Iterator[None]:
    """Notes on an error which of the request's pictures it is about."""
    try:
        yield
    except ServiceError as error:
        error.picture = index
        raise


def answer(servable: Servable, probabilities: Probabilities, images: Images | None) -> Response:
    """As `Predictions` says, written by orjson straight from the arrays."""
    digits = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    predictions: list[dict[str, Any]] = [
        {
            "digit": digit,
            "confidence": confidence,
            "probabilities": row,
            "accepted": confidence >= servable.manifest.threshold,
        }
        for digit, confidence, row in zip(digits, confidences, probabilities, strict=True)
    ]
    if images is not None:
        for prediction, seen in zip(predictions, images, strict=True):
            prediction["image"] = base64.b64encode(cv2.imencode(".png", seen)[1].tobytes()).decode()
    model = {"name": servable.manifest.name, "version": servable.manifest.version}
    content = orjson.dumps({"model": model, "predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, media_type="application/json")
