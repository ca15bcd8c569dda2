"""The application: a table of contents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.api import clouds, control, corrections, digits, health, models, openapi, v1, v2
from app.api.state import AppState
from app.audit.author import acting
from app.audit.log import AuditLog, open_log, process_name
from app.audit.record import Act
from app.codecs.bodies import Limits
from app.corrections.folder import open_folder
from app.errors import AuditUnavailable, StartupError
from app.http.audit_refusals import AuditRefusalsMiddleware
from app.http.auth import ApiKeyMiddleware, Authenticator
from app.http.body_limit import BodyLimitMiddleware, InflightBytes, RequestLimits
from app.http.cors import CorsMiddleware
from app.http.deadline import DeadlineMiddleware
from app.http.fast_path import FastPath
from app.http.problems import ProblemMiddleware, add_error_handlers
from app.http.routing import CanonicalPathMiddleware, HeadMiddleware, canonical_path, on_method_not_allowed
from app.http.security_headers import SecurityHeadersMiddleware
from app.inference.batcher import BatchSettings
from app.observability.logs import probe_paths
from app.observability.process_metrics import observe_build
from app.observability.request_context import RequestIdMiddleware
from app.observability.tracing import start_tracing, stop_tracing, telemetry
from app.preprocessing.pool import thread_pool
from app.repository.repository import ModelRepository
from app.repository.version_policy import VersionPolicy, VersionSettings
from app.runtime import configure_runtime
from app.segmentation.fields.template_folder import read_templates
from app.settings import Settings
from app.web import offline_files, pages
from app.web.compressed_files import CompressedFiles

ROUTERS = (
    *(digits.router, corrections.router, models.router, health.router),
    *(v1.router, v2.router, control.router, pages.router),
)
HOT_ROUTES = (*digits.HOT_ROUTES, *health.HOT_ROUTES, *v1.HOT_ROUTES, *v2.HOT_ROUTES)


class Service(FastAPI):
    """FastAPI inside the service's own middleware, the outermost first:

    CanonicalPath( RequestId( SecurityHeaders( Cors( Problem( Deadline( ApiKey( BodyLimit( Head( FastAPI )))))))))

    With an audit log, AuditRefusals is around Problem.

    Problems are inside CORS, so that a page of another origin can read them. Our own server answers eligible requests
    on the fast path; all other requests, and every request under another server, pass these layers.
    """

    state: AppState  # type: ignore[assignment]  # in place of Starlette's State
    layers: ASGIApp
    fast_path: FastPath[AppState]

    def add_layers(self, settings: Settings) -> None:
        limits = self.state.request_limits
        inner: ASGIApp = BodyLimitMiddleware(HeadMiddleware(super().__call__), limits)
        if settings.api_keys:
            inner = ApiKeyMiddleware(inner, self.state.authenticator, platform_path(settings.health_route))
        problems: ASGIApp = ProblemMiddleware(DeadlineMiddleware(inner, limits.timeout_s))
        if self.state.audit:
            problems = AuditRefusalsMiddleware(problems, self.state.audit, self.state.authenticator)
        cors = CorsMiddleware(problems, settings.cors_origins)
        self.layers = CanonicalPathMiddleware(RequestIdMiddleware(SecurityHeadersMiddleware(cors)), settings.root_path)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            keys, root_path = bool(self.state.authenticator.digests), self.state.root_path
            self.openapi_schema = openapi.complete(super().openapi(), keys=keys, root_path=root_path)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.layers(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Service:
    """The service as an ASGI application. Entering its lifespan loads the models or raises `StartupError`."""
    configure_runtime()
    settings = settings or Settings()
    thread_pool.limit_memory(settings.memory_bytes_per_worker - settings.inflight_bytes)
    state = app_state(settings)
    probe_paths.add(platform_path(settings.health_route))
    app = Service(
        title="Digits",
        version=__version__,
        summary="Reads handwritten digits.",
        lifespan=lifespan,
        telemetry=telemetry(state.tracing, {*probe_paths, "/"}),
        openapi_tags=[{"name": "digits", "description": "Our own API: start here."}],  # first on the page for that
        docs_url=None,  # FastAPI's pages fetch their scripts from a public server; `pages` serves ours
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state = state
    cloud = cloud_routes(settings)
    add_error_handlers(app)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, on_method_not_allowed)
    add_routes(app, cloud)
    app.add_layers(settings)
    app.fast_path = fast_path(state, settings, cloud)
    return app


def create_operations_app(service: Service, settings: Settings) -> Service:
    """Metrics and probes of the service, for a port of their own that needs no API key."""
    app = Service(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, telemetry=telemetry(None, ())
    )
    app.state = service.state
    add_error_handlers(app)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, on_method_not_allowed)
    app.include_router(health.router)
    app.add_layers(settings.model_copy(update={"api_keys": ()}))
    app.fast_path = FastPath(health.HOT_ROUTES, service.state, limits=service.state.request_limits)
    return app


def app_state(settings: Settings) -> AppState:
    audit = open_audit_log(settings)
    return AppState(
        repository=model_repository(settings, audit),
        audit=audit,
        authenticator=Authenticator(api_keys=settings.api_keys, admin_keys=settings.admin_keys),
        limits=Limits(settings.max_pictures, settings.max_pixels, settings.max_pages),
        request_limits=RequestLimits(
            max_body_bytes=settings.max_body_bytes,
            inflight=InflightBytes(settings.inflight_bytes),
            timeout_s=settings.timeout_ms / 1000,
        ),
        templates=read_templates(settings.templates) if settings.templates else {},
        cors_origins=settings.cors_origins,
        corrections=open_folder(settings.corrections, settings.corrections_bytes) if settings.corrections else None,
        root_path=settings.root_path,
        tracing=start_tracing() if settings.tracing else None,
        revision=settings.revision,
    )


def open_audit_log(settings: Settings) -> AuditLog | None:
    """Raises `StartupError`, also for a file that cannot be written: nothing is done of which there is no record."""
    if settings.audit_log is None:
        return None
    kept = [Act("corrections", str(settings.corrections), "done", whose_corrections(settings))]
    return open_log(settings.audit_log, *(kept if settings.corrections else ()))


def whose_corrections(settings: Settings) -> str:
    return "kept of everyone who has a key" if settings.api_keys else "kept of everyone"


def model_repository(settings: Settings, audit: AuditLog | None) -> ModelRepository:
    repository = ModelRepository(
        root=settings.models,
        device=settings.device,
        default_model=settings.default_model,
        batch=BatchSettings(
            max_batch_size=settings.max_batch_size,
            max_queue_size=settings.max_queue_size,
            max_batch_delay_ms=settings.max_batch_delay_ms,
            timeout_ms=settings.timeout_ms,
            max_queue_ms=settings.max_queue_ms,
            traced=settings.tracing,
        ),
        versions=VersionSettings(
            policy=VersionPolicy.parse(settings.version_policy),
            precision=settings.precision,
            poll_seconds=settings.model_poll_seconds,
            load_timeout_s=settings.load_timeout_seconds,
            signer=settings.require_signature_by,
            labels={(label.model, label.label): label.version for label in settings.version_labels},
        ),
    )
    repository.audit = audit
    return repository


def cloud_routes(settings: Settings) -> clouds.CloudRoutes:
    return clouds.routes(
        digits.predict,
        v1.predict,
        health_route=platform_path(settings.health_route),
        predict_route=platform_path(settings.predict_route),
    )


def platform_path(path: str) -> str:
    return path and canonical_path(path, root_path="")


def fast_path(state: AppState, settings: Settings, cloud: clouds.CloudRoutes) -> FastPath[AppState]:
    """Without a route if the setting is off, and while tracing: FastAPI makes the spans."""
    enabled = settings.fast_path and not settings.tracing
    return FastPath(
        (*cloud.HOT_ROUTES, *HOT_ROUTES) if enabled else (),
        state,
        limits=state.request_limits,
        authenticator=state.authenticator if settings.api_keys else None,
        root_path=settings.root_path,
    )


def add_routes(app: FastAPI, cloud: clouds.CloudRoutes) -> None:
    for router in (cloud.router, *ROUTERS):
        app.include_router(router)
    app.mount("/static", CompressedFiles(directory=offline_files.STATIC), name="static")
    app.mount("/docs/files", StaticFiles(directory=pages.DOCS_FILES), name="files of docs")


@asynccontextmanager
async def lifespan(app: Service) -> AsyncIterator[None]:
    try:
        async with app.state.repository:
            observe_build(app.state.revision, app.state.repository.device)
            yield
    except AuditUnavailable as error:
        raise StartupError("the audit log cannot be written any more: see the log") from error
    finally:
        if app.state.audit:
            await end_audit_log(app.state.audit)
        if app.state.tracing:
            await asyncio.to_thread(stop_tracing, app.state.tracing)


async def end_audit_log(audit: AuditLog) -> None:
    with acting("stop"), suppress(AuditUnavailable):  # it is logged, and the service ends all the same
        await audit.record(Act("stop", process_name(), "done"))
    audit.close()
