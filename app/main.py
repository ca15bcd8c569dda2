"""The application: a table of contents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.api import digits, health
from app.batching import BatchSettings
from app.errors import InvalidRequest, MethodNotAllowed, RouteNotFound, ServiceError
from app.fastlane import FastLane
from app.repository import ModelRepository
from app.security import BodyLimit, Problems, problem_response
from app.settings import Settings

STATIC = Path(__file__).parent / "static"
EXPOSED_HEADERS = ("Retry-After",)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application. Entering its lifespan loads the models or raises `StartupError`."""
    settings = settings or Settings()
    app = FastAPI(
        title="Digits",
        version=__version__,
        summary="Reads handwritten digits.",
        lifespan=lifespan,
    )
    app.state.stopping = False
    app.state.limits = digits.Limits(settings.max_pictures, settings.max_pixels)
    app.state.repository = ModelRepository(
        settings.models,
        settings.device,
        BatchSettings(
            settings.max_batch_size, settings.max_queue_size, settings.max_batch_delay_ms, settings.timeout_ms
        ),
        settings.default_model,
    )

    # The last one added is the outermost: a problem carries CORS headers too, or no page could read it.
    app.add_middleware(FastLane, routes=digits.HOT_ROUTES, state=app.state)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Problems)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
    )
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_validation_error)

    for module in (digits, health):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/", page, include_in_schema=False)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.repository:
        yield


async def page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses, in our own words."""
    assert isinstance(error, HTTPException)
    return problem_response(translated(request, error))


def translated(request: Request, error: HTTPException) -> ServiceError:
    if error.status_code == 404:
        return RouteNotFound(f"There is nothing at {request.url.path}: see /docs for what there is.")
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(f"{request.url.path} does not take {request.method}: use {allow}.", allow=allow)
    return InvalidRequest(str(error.detail))


async def on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem_response(InvalidRequest(f"The parameter {first['loc'][-1]!r} is wrong: {first['msg']}."))
