"""Liveness, readiness, a summary of the service, and its metrics."""

from __future__ import annotations

import os
import time
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from app.api.openapi import problems
from app.api.state import ApiRequest, AppState, state_of
from app.errors import Unavailable
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.inference.session import Device, Precision
from app.observability import metrics
from app.repository.repository import ModelRepository

router = APIRouter(tags=["health"])

NOT_CACHED = ((b"cache-control", b"no-store"),)


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


class Loaded(BaseModel):
    name: str
    version: int
    device: Device = Field(description="The device the model really runs on.")
    precision: Precision = Field(description="Of the graph that really runs.")
    labels: list[str] = Field(description="Names under which the version can be asked for.")
    queued: int = Field(description="Images in the queue.")
    failed_runs: int = Field(description="Runs that failed in a row.")
    problem: str = Field(description="Why it cannot run; empty if it can.")


class Refused(BaseModel):
    """A file or folder of a model that was refused; the versions served before still are."""

    name: str = Field(description="A model; * stands for the models folder.")
    entry: str = Field(description="A version, labels.json, or . for the whole folder.")
    reason: str


class Health(BaseModel):
    """The state of the service at this moment."""

    status: Literal["ready", "not ready", "stopping"] = Field(description="As readiness probes get it.")
    reason: str = Field(description="Why it is not ready; empty if it is.")
    version: str = Field(description="Of the service.")
    uptime_s: int = Field(description="Seconds since the answering process started.")
    pid: int = Field(description="The process that answers: with several workers, one of them.")
    device: Device = Field(description="The device that models really run on.")
    default_model: str
    corrections: bool = Field(description="Whether `POST /corrections` keeps what users put right.")
    models: list[Loaded]
    refused: list[Refused] = Field(description="Listed until its files change.")


@router.get("/health", operation_id="health")
async def health(request: Request) -> Health:
    """A summary for people and dashboards; always 200."""
    state = state_of(request)
    reason = why_not_ready(state)
    return Health(
        status="stopping" if state.stopping else "not ready" if reason else "ready",
        reason=reason,
        version=request.app.version,
        uptime_s=int(time.monotonic() - state.started),
        pid=os.getpid(),
        device=state.repository.device,
        default_model=state.repository.default_model,
        corrections=state.corrections is not None,
        models=loaded_models(state.repository),
        refused=refused_entries(state.repository),
    )


def why_not_ready(state: AppState) -> str:
    try:
        state.check_ready()
    except Unavailable as error:
        return error.detail
    return ""


def loaded_models(repository: ModelRepository) -> list[Loaded]:
    return [
        Loaded(
            name=servable.manifest.name,
            version=servable.manifest.version,
            device=servable.model.device,
            precision=servable.model.precision,
            labels=repository.labels_of(servable),
            queued=servable.batcher.queued,
            failed_runs=servable.batcher.health.failed_runs,
            problem=servable.batcher.problem,
        )
        for servable in repository
    ]


def refused_entries(repository: ModelRepository) -> list[Refused]:
    return [
        Refused(name=name, entry=entry, reason=refusal.reason)
        for name, refusals in sorted(repository.refusals.items())
        for entry, refusal in sorted(refusals.items())
    ]


async def live(request: ApiRequest) -> RawResponse:
    """Liveness probe: the process answers."""
    return RawResponse(b'{"status":"alive"}')


async def ready(request: ApiRequest) -> RawResponse:
    """Readiness probe: the default model can run, and the service is not shutting down."""
    request.state.check_ready()
    return RawResponse(b'{"status":"ready"}', headers=NOT_CACHED)


HOT_ROUTES: list[HotRoute[AppState]] = [HotRoute("/health/live", live, "GET"), HotRoute("/health/ready", ready, "GET")]
router.get("/health/live", operation_id="live", response_model=Alive)(fastapi_endpoint(live))
router.get("/health/ready", operation_id="ready", response_model=Ready, responses=problems(Unavailable))(
    fastapi_endpoint(ready)
)


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
def exposition(request: Request) -> Response:
    """Metrics of all workers in Prometheus's text format, or as OpenMetrics if `Accept` asks for it."""
    body, content_type = metrics.exposition(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})
