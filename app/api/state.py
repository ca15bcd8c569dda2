"""What all requests of one application share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from fastapi import Request

from app.audit.log import AuditLog
from app.codecs.bodies import Limits
from app.corrections.folder import CorrectionFolder
from app.errors import Stopping
from app.http.auth import Authenticator
from app.http.body_limit import RequestLimits
from app.http.endpoint import RawRequest
from app.repository.repository import ModelRepository
from app.repository.servable import Servable
from app.segmentation.fields.template import Template

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


@dataclass(slots=True)
class AppState:
    """Made once, by `create_app`. Not Starlette's State, whose attribute look-up costs a hot route a microsecond."""

    repository: ModelRepository
    authenticator: Authenticator
    limits: Limits
    request_limits: RequestLimits
    audit: AuditLog | None = None  # None: administrative acts are not recorded
    templates: Mapping[str, Template] = field(default_factory=dict)  # of forms, by name
    corrections: CorrectionFolder | None = None  # None: none are kept
    cors_origins: Sequence[str] = ()  # whose pages may change what is kept
    root_path: str = ""  # the prefix of a proxy
    tracing: TracerProvider | None = None
    revision: str = ""  # of the source
    started: float = field(default_factory=time.monotonic)  # seconds
    stopping: bool = False  # set at SIGTERM: readiness probes get 503, other requests are still answered

    def check_ready(self, servable: Servable | None = None) -> None:
        """Raises `Stopping` once the service is shutting down, and `NotReady` while the model cannot run.

        Without a servable: the newest version of the default model.
        """
        if self.stopping:
            raise Stopping
        self.repository.check_ready(servable)


ApiRequest: TypeAlias = RawRequest[AppState]


def state_of(request: Request) -> AppState:
    """The application's state, for routes that FastAPI runs."""
    state: AppState = request.app.state
    return state
