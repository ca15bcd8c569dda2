"""The application: a table of contents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.api import clouds, control, digits, health, models, v1, v2
from app.api import openapi as contract
from app.api.state import AppState
from app.codecs.bodies import Limits
from app.errors import InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound, ServiceError
from app.http.auth import PROBE_PATHS, Authenticator, ApiKeyMiddleware
from app.http.body_limit import BodyLimitMiddleware
from app.http.fast_path import FastPath
from app.http.problems import ProblemMiddleware, problem_response
from app.http.security_headers import SecurityHeadersMiddleware
from app.inference.batcher import BatchSettings
from app.observability.request_context import RequestIdMiddleware
from app.observability.tracing import start_tracing, stop_tracing, telemetry
from app.repository.manifest import VersionPolicy
from app.repository.repository import ModelRepository, VersionSettings
from app.settings import Settings
from app.web import pages

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Routes = clouds.CloudRoutes | ModuleType  # with a `router`, and `HOT_ROUTES` where there are any

ROUTES = (digits, models, health, v1, v2, control)
UNTRACED_PATHS = frozenset((*PROBE_PATHS, "/metrics"))  # asked every few seconds, and of no interest
EXPOSED_HEADERS = ("Retry-After", "Inference-Header-Content-Length", "WWW-Authenticate", "X-Request-ID")


class Service(FastAPI):
    """FastAPI inside our own middleware, the outermost first:

    RequestId( CORS( SecurityHeaders( Problem( ApiKey( BodyLimit( FastAPI ))))))

    Problems are inside CORS, so that a page of another origin can read them. Our own server answers eligible requests
    on the fast path; all others come here, and under any other server every request does.
    """

    state: AppState  # type: ignore[assignment]  # in place of Starlette's State
    layers: ASGIApp
    fast_path: FastPath

    def surround(self, settings: Settings) -> None:
        inner: ASGIApp = BodyLimitMiddleware(super().__call__, settings.max_body_bytes)
        if settings.api_keys:
            inner = ApiKeyMiddleware(inner, self.state.authenticator, settings.health_route)
        cors = CORSMiddleware(
            SecurityHeadersMiddleware(ProblemMiddleware(inner)),
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        self.layers = RequestIdMiddleware(cors)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = contract.complete(super().openapi(), keys=bool(self.state.authenticator.everyone))
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.layers(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Service:
    """The service as an ASGI application. Entering its lifespan loads the models or raises `StartupError`."""
    settings = settings or Settings()
    tracing = start_tracing() if settings.tracing else None
    app = Service(
        title="Digits",
        version=__version__,
        summary="Reads handwritten digits.",
        lifespan=lifespan,
        telemetry=telemetry(tracing, UNTRACED_PATHS),
        openapi_tags=[{"name": "digits", "description": "Our own API: start here."}],  # and so it stands first
        docs_url=None,  # they fetch their scripts from another's server
        redoc_url=None,
    )
    app.state = app_state(settings, tracing)
    routes = (called_by_clouds(settings), *ROUTES)
    app.surround(settings)
    app.fast_path = fast_path(app.state, settings, routes)
    add_error_handlers(app)
    add_routes(app, routes)
    return app


def app_state(settings: Settings, tracing: TracerProvider | None) -> AppState:
    return AppState(
        repository(settings),
        Authenticator(settings.api_keys, settings.admin_keys),
        Limits(settings.max_pictures, settings.max_pixels),
        tracing,
    )


def called_by_clouds(settings: Settings) -> clouds.CloudRoutes:
    return clouds.routes(
        digits.predict, v1.predict, health_route=settings.health_route, predict_route=settings.predict_route
    )


def fast_path(state: AppState, settings: Settings, routes: Sequence[Routes]) -> FastPath:
    hot = [route for each in routes for route in getattr(each, "HOT_ROUTES", ())]
    access = state.authenticator if settings.api_keys else None
    # FastAPI makes the spans, and so gets all requests.
    return FastPath(() if settings.tracing else hot, state, settings.max_body_bytes, access)


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(Exception, on_failure)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_validation_error)


def add_routes(app: FastAPI, routes: Sequence[Routes]) -> None:
    for each in routes:
        app.include_router(each.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.mount("/docs/files", StaticFiles(directory=pages.OF_DOCS), name="files of docs")


def repository(settings: Settings) -> ModelRepository:
    return ModelRepository(
        settings.models,
        settings.device,
        BatchSettings(
            settings.max_batch_size,
            settings.max_queue_size,
            settings.max_batch_delay_ms,
            settings.timeout_ms,
            settings.max_queue_ms,
        ),
        settings.default_model,
        VersionSettings(
            VersionPolicy.parse(settings.version_policy),
            settings.model_poll_seconds,
            settings.require_signature_by,
            {(each.model, each.label): each.version for each in settings.version_labels},
        ),
    )


@asynccontextmanager
async def lifespan(app: Service) -> AsyncIterator[None]:
    try:
        async with app.state.repository:
            yield
    finally:
        if app.state.tracing:
            await asyncio.to_thread(stop_tracing, app.state.tracing)


async def on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem_response(error, request.scope)


async def on_failure(request: Request, error: Exception) -> Response:
    """Ours. Starlette raises the error anew once this is sent, and `ProblemMiddleware` logs it."""
    return problem_response(InternalError(), request.scope)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses, in our own words."""
    assert isinstance(error, HTTPException)
    return problem_response(translated(request, error), request.scope)


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
    refused = InvalidRequest(f"The parameter {first['loc'][-1]!r} is wrong: {first['msg']}.")
    return problem_response(refused, request.scope)
