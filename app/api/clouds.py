"""The routes of SageMaker and Vertex AI, for what the service does on other routes too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, Response
from numpy.typing import NDArray

from app.api.digits import admit
from app.api.openapi import PICTURE_ERRORS, problems
from app.api.state import ApiRequest, AppState
from app.codecs import npy
from app.codecs.bodies import BINARY, is_json
from app.codecs.form import media_type
from app.codecs.json_body import BEHIND_JSON
from app.codecs.parameters import SCALE
from app.codecs.tensors import images_of, parse_csv
from app.errors import InvalidRequest, Unavailable
from app.http.accept import prefers
from app.http.endpoint import Endpoint, HotRoute, RawResponse, fastapi_endpoint
from app.http.large_bodies import off_the_loop
from app.json_encoding import BYTE_ORDER_MARK

CSV = b"text/csv"
JSON_LINES = (b"application/jsonlines", b"application/x-jsonlines", b"application/jsonl", b"application/x-ndjson")

# The JSON of `/predict`, which has one member or is a string.
IMAGES_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:{\s*"images?"\s*:|")')

LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")

# A platform may name one of these as its route. They are served already, each in its own protocol.
PROTOCOL_PREFIXES = ("/v1/models", "/v2")


class CloudRoutes(NamedTuple):
    router: APIRouter
    HOT_ROUTES: list[HotRoute[AppState]]


def routes(
    predict: Endpoint[AppState], v1_predict: Endpoint[AppState], *, health_route: str, predict_route: str
) -> CloudRoutes:
    """`/ping` and `/invocations`, and the same under the platform's paths unless these are empty.

    `predict` answers picture files in each form, `v1_predict` the V1 protocol's JSON.
    """

    async def invocations(request: ApiRequest) -> RawResponse:
        """Accepts a picture, JSON (`instances`, `inputs` or `images`), a NumPy array file, or numbers as CSV.

        A list, or JSON Lines, is one of instances.
        """
        content_type = request.headers.get(b"content-type", b"")
        if npy.is_npy(content_type, request.body):
            return await predict_numbers(request, npy.decode_npy)
        if media_type(content_type) == CSV:
            return await predict_numbers(request, parse_csv)
        if media_type(content_type) in JSON_LINES or LIST.match(request.body):
            body = await off_the_loop(len(request.body), instances_of, content_type, request.body)
            return await v1_predict(request._replace(body=body))
        if is_json(content_type, request.body):
            return await (predict if IMAGES_JSON.match(request.body) else v1_predict)(request)
        return await predict(request)

    router = APIRouter(tags=["SageMaker, Vertex AI"])
    hot_routes: list[HotRoute[AppState]] = []
    for path in paths(health_route, "/ping"):
        add_ping(router, path)
        hot_routes.append(HotRoute(path, ping, "GET"))
    for path in paths(predict_route, "/invocations"):
        add_invocations(router, path, invocations)
        if path not in ("/", health_route):  # FastAPI answers GET there, which the fast path would refuse
            hot_routes.append(HotRoute(path, invocations))
    return CloudRoutes(router, hot_routes)


def instances_of(content_type: bytes, body: bytes) -> bytes:
    """The V1 protocol's JSON of a list, or of lines with an instance each."""
    body = body.removeprefix(BYTE_ORDER_MARK).rstrip(BEHIND_JSON)
    if media_type(content_type) in JSON_LINES:
        body = b"[%b]" % b",".join(line for line in body.splitlines() if line.strip())
    return b'{"instances":%b}' % body


def paths(platform_path: str, own_path: str) -> list[str]:
    """The platform's first: it must get what it expects, even if the service has another route of that name."""
    if platform_path in ("", own_path) or platform_path.startswith(PROTOCOL_PREFIXES):
        return [own_path]
    return [platform_path, own_path]


def add_ping(router: APIRouter, path: str) -> None:
    router.add_api_route(
        path,
        fastapi_endpoint(ping),
        operation_id="ping",
        response_class=Response,
        responses=problems(Unavailable),
        include_in_schema=path == "/ping",
    )


def add_invocations(router: APIRouter, path: str, invocations: Endpoint[AppState]) -> None:
    content = {
        "image/*": BINARY,
        npy.CONTENT_TYPE.decode(): BINARY,
        CSV.decode(): BINARY,  # 784 numbers a line
        JSON_LINES[0].decode(): {"schema": {"type": "string"}},
        "application/json": {"schema": {"type": "object"}},
    }
    router.add_api_route(
        path,
        fastapi_endpoint(invocations),
        methods=["POST"],
        operation_id="invocations",
        response_model=dict[str, Any],
        responses=problems(InvalidRequest, *PICTURE_ERRORS, Unavailable),
        openapi_extra={"requestBody": {"required": True, "content": content}, "parameters": [SCALE]},
        include_in_schema=path == "/invocations",
    )


async def ping(request: ApiRequest) -> RawResponse:
    """200 with an empty body while the service takes requests, 503 while it shuts down or its model cannot run."""
    request.state.check_ready()
    return RawResponse(b"", b"text/plain", ((b"cache-control", b"no-store"),))


async def predict_numbers(request: ApiRequest, decode: Callable[[bytes], NDArray[Any]]) -> RawResponse:
    """The probabilities: a NumPy array file or CSV if `Accept` asks for one, else the V1 protocol's JSON."""
    parameters, servable = admit(request)
    numbers = await off_the_loop(len(request.body), decode, request.body)
    probabilities = await servable.predict(await images_of(numbers, parameters.scale))
    accept = request.headers.get(b"accept", b"").decode("latin-1")
    if prefers(accept, npy.CONTENT_TYPE.decode()):
        return RawResponse(npy.encode_npy(probabilities), npy.CONTENT_TYPE)
    if prefers(accept, CSV.decode()):
        rows = orjson.dumps(probabilities, option=orjson.OPT_SERIALIZE_NUMPY)
        return RawResponse(rows[2:-2].replace(b"],[", b"\n") + b"\n", CSV)
    return RawResponse(orjson.dumps({"predictions": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY))
