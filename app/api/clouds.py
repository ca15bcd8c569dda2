"""What the clouds call: SageMaker's and Vertex AI's addresses, for what the service does under others anyway."""

from __future__ import annotations

import io
import math
import re
import tokenize
import warnings
from typing import Any, NamedTuple

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from app.api.state import ApiRequest, AppState, state_of
from app.codecs.tensors import check_shape, to_images
from app.errors import InvalidRequest, Problem
from app.http.endpoint import Endpoint, HotRoute, RawResponse, fastapi_endpoint

NPY = b"application/x-npy"
NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
UNREADABLE = (ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
PICTURES = re.compile(rb'\s*{\s*"images"\s*:')  # the one member of `/predict`'s own JSON

# A platform may name one of these as its route. They answer it already, each in its own way.
PROTOCOLS = ("/v1/models", "/v2")


class CloudRoutes(NamedTuple):
    router: APIRouter
    HOT_ROUTES: list[HotRoute[AppState]]


def routes(
    pictures: Endpoint[AppState], instances: Endpoint[AppState], *, health_route: str, predict_route: str
) -> CloudRoutes:
    """`/ping` and `/invocations`, and under the given addresses, where there are any, the same.

    `pictures` answers picture files in any form, `instances` the V1 protocol's JSON.
    """

    async def invocations(call: ApiRequest) -> RawResponse:
        """Reads what the body holds: a picture, JSON (`instances`, `inputs` or `images`), or a NumPy array file."""
        content_type = call.headers.get(b"content-type", b"")
        if content_type.startswith(NPY) or call.body.startswith(np.lib.format.MAGIC_PREFIX):
            return await predict_array(call)
        if content_type.startswith(b"application/json") or call.body[:64].lstrip()[:1] == b"{":
            return await (pictures if PICTURES.match(call.body) else instances)(call)
        return await pictures(call)

    router = APIRouter(tags=["SageMaker, Vertex AI"])
    # A platform's addresses come first: what it calls must be what it means, though we have one of that name.
    for path in addresses(health_route, "/ping"):
        add_ping(router, path)
    hot_routes = []
    for path in addresses(predict_route, "/invocations"):
        add_invocations(router, path, invocations)
        if path not in ("/", health_route):  # the fast fast_path would refuse the GET that is answered there
            hot_routes.append(HotRoute(path, invocations))
    return CloudRoutes(router, hot_routes)


def addresses(route: str, ours: str) -> list[str]:
    return [route, ours] if route not in ("", ours) and not route.startswith(PROTOCOLS) else [ours]


def add_ping(router: APIRouter, path: str) -> None:
    router.add_api_route(
        path,
        ping,
        operation_id="ping",
        response_class=Response,
        responses={503: {"model": Problem}},
        include_in_schema=path == "/ping",
    )


def add_invocations(router: APIRouter, path: str, invocations: Endpoint[AppState]) -> None:
    binary, text = {"schema": {"type": "string", "format": "binary"}}, {"schema": {"type": "object"}}
    content = {"image/*": binary, NPY.decode(): binary, "application/json": text}
    problems: dict[int | str, dict[str, Any]] = {
        400: {"model": Problem, "description": "The request cannot be understood"},
        413: {"model": Problem, "description": "The body, the picture or the number of pictures is too large"},
        415: {"model": Problem, "description": "Not a picture, a damaged one, or of a format we do not read"},
        422: {"model": Problem, "description": "The picture is blank"},
        503: {"model": Problem, "description": "Overloaded or shutting down; see Retry-After"},
    }
    router.add_api_route(
        path,
        fastapi_endpoint(invocations),
        methods=["POST"],
        operation_id="invocations",
        response_model=dict[str, Any],
        responses=problems,
        openapi_extra={"requestBody": {"required": True, "content": content}},
        include_in_schema=path == "/invocations",
    )


async def ping(request: Request) -> Response:
    """200 with nothing in it while the service takes requests, 503 while it stops."""
    state_of(request).check_ready()
    return Response(headers={"Cache-Control": "no-store"})


# --- arrays as NumPy writes them to files -----------------------------------------------------------------------------


async def predict_array(call: ApiRequest) -> RawResponse:
    """The probabilities as such a file too if `Accept` asks for it, else as the V1 protocol writes them."""
    images = to_images(read_array(call.body))
    probabilities = await call.state.repository.get().predict(images)
    if NPY in call.headers.get(b"accept", b""):
        file = io.BytesIO()
        np.save(file, probabilities, allow_pickle=False)
        return RawResponse(file.getvalue(), NPY)
    return RawResponse(orjson.dumps({"predictions": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY))


def read_array(body: bytes) -> NDArray[Any]:
    """Raises `InvalidRequest`.

    np.load would make room for as many numbers as the header says before it looks for them, and might unpickle.
    """
    file = io.BytesIO(body)
    try:
        read_header = NPY_HEADERS[np.lib.format.read_magic(file)]
        with warnings.catch_warnings(action="ignore"):  # about files of Python 2, which are as good
            shape, in_columns, dtype = read_header(file)
    except UNREADABLE as error:
        raise InvalidRequest("The body is no array as np.save writes it.") from error
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InvalidRequest(f"The array's type is {dtype.str}: send integers or floats of at most 64 bits.")
    check_shape(shape)
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(body) - start:
        raise InvalidRequest(f"The array's header says {list(shape)} of {dtype.str}; the bytes after it are not that.")
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if in_columns else "C")
