"""Is it alive, is it ready, and what is it?"""

from __future__ import annotations

import os
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from app.api.state import state_of
from app.errors import Problem
from app.inference.session import Device
from app.observability import metrics

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


class Loaded(BaseModel):
    name: str
    version: int
    device: Device = Field(description="The device it really runs on.")
    labels: list[str] = Field(description="Names for it in the V1 protocol.")
    queued: int = Field(description="Images waiting for it.")


class Refused(BaseModel):
    """What lies in a model's folder and is not taken; what was served before still is."""

    name: str
    entry: str = Field(description="A version, labels.json, or . where the whole folder is gone.")
    reason: str


class Health(BaseModel):
    """What the service is and does at this moment."""

    status: Literal["ready", "stopping"]
    version: str = Field(description="Of the service.")
    pid: int = Field(description="The process that answers: with several workers, one of them.")
    device: Device = Field(description="The device that models really run on.")
    default_model: str
    models: list[Loaded]
    refused: list[Refused] = Field(description="Until its files change.")


@router.get("/health", operation_id="health")
async def health(request: Request) -> Health:
    """A summary for people and dashboards; always 200."""
    repository = state_of(request).repository
    return Health(
        status="stopping" if state_of(request).stopping else "ready",
        version=request.app.version,
        pid=os.getpid(),
        device=repository.device,
        default_model=repository.default_model,
        models=[
            Loaded(
                name=each.manifest.name,
                version=each.manifest.version,
                device=each.model.device,
                labels=repository.labels_of(each),
                queued=each.batcher.queued,
            )
            for each in repository
        ],
        refused=[
            Refused(name=name, entry=entry, reason=each.reason)
            for name, refused in sorted(repository.refused.items())
            for entry, each in sorted(refused.items())
        ],
    )


@router.get("/health/live", operation_id="live")
async def live() -> Alive:
    """The process answers. For a liveness probe."""
    return Alive()


@router.get("/health/ready", operation_id="ready", responses={503: {"model": Problem}})
async def ready(request: Request, response: Response) -> Ready:
    """It takes requests: models are loaded and warm, and it is not shutting down. For a readiness probe."""
    response.headers["Cache-Control"] = "no-store"
    state_of(request).check_ready()
    return Ready()


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
def exposition() -> Response:
    """What was counted and measured, in Prometheus's text format; of all workers, whichever is asked."""
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})
