"""What users put right: kept only where the operator has opened a folder for it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.api.openapi import PICTURE_ERRORS, problems
from app.api.state import state_of
from app.codecs.corrections import CORRECTION_BODY, parse_correction
from app.corrections.changes import OTHER, changes
from app.corrections.cut import cut_out
from app.corrections.record import Correction
from app.errors import (
    BlankPicture,
    CorrectionsClosed,
    CorrectionsFull,
    InvalidRequest,
    OriginRefused,
    SeveralDigits,
    Unavailable,
)
from app.http.auth import combine
from app.http.cors import is_same_origin
from app.http.endpoint import read_body
from app.http.large_bodies import off_the_loop
from app.observability.metrics import observe_correction
from app.preprocessing.pool import lane_of, memory_of, open_pictures
from app.repository.served_models import ServedModels

router = APIRouter(tags=["digits"])

PICTURE_PROBLEMS = [error for error in PICTURE_ERRORS if error not in (BlankPicture, SeveralDigits)]


class KeptCorrection(BaseModel):
    """A correction that was kept."""

    id: str = Field(description="The name of its files in the operator's folder.")


@router.post(
    "/corrections",
    operation_id="correct",
    status_code=201,
    responses=problems(
        InvalidRequest, OriginRefused, CorrectionsClosed, *PICTURE_PROBLEMS, Unavailable, CorrectionsFull
    ),
    openapi_extra={"requestBody": CORRECTION_BODY},
)
async def correct(request: Request) -> KeptCorrection:
    """Keeps a picture, or a region of it, with its right digits, so that models can learn from it.

    Exists only where the operator has opened a folder for corrections. Nothing about the sender is kept.
    """
    state = state_of(request)
    folder = state.corrections
    if folder is None:
        raise CorrectionsClosed(
            "This service keeps no corrections: the operator opens a folder with DIGITS_CORRECTIONS."
        )
    check_origin(request, state.cors_origins)
    body = await read_body(request.receive)
    content_type = combine(request.scope["headers"]).get(b"content-type", b"")
    content, correction = await off_the_loop(len(body), parse_correction, content_type, body, state.limits)
    (picture,) = await open_pictures([content], state.limits.max_pixels)
    png = await lane_of(picture).run_with_memory(memory_of(picture), cut_out, picture, correction.region)
    kept = KeptCorrection(id=await folder.keep(png, correction))
    count_changes(correction, state.repository)
    return kept


def check_origin(request: Request, allowed: Sequence[str]) -> None:
    """A browser sends a form of any page without asking: CORS keeps from pages only what they would read.

    Raises `OriginRefused`.
    """
    origin = request.headers.get("Origin")
    if origin and not is_same_origin(origin, request.headers) and not {origin, "*"} & set(allowed):
        raise OriginRefused(f"Pages of {origin[:200]!r} may not send corrections: see DIGITS_CORS_ORIGINS.")


def count_changes(correction: Correction, repository: ServedModels) -> None:
    """Only models that are served have a label of their own: clients could send any number of names."""
    name = correction.model
    model = name if name and name in repository.servables else OTHER
    for read, right in changes(correction.read, correction.digits):
        observe_correction(model, read, right)
