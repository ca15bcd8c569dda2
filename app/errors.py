"""Every way the service says no, and the one body it says it with.

    ServiceError
    +-- InvalidRequest        400  broken JSON, broken base64, an empty body, a bad parameter
    +-- Unauthorized          401  no key, or one that is not known here
    +-- Forbidden             403  an administrative route that is closed, or not for this key
    +-- RouteNotFound         404
    +-- ModelNotFound         404  no such model, or no such version of it
    +-- MethodNotAllowed      405  says what is allowed
    +-- BodyTooLarge          413  known while reading
    +-- TooManyPixels         413  known from the header, before decoding
    +-- TooManyPictures       413
    +-- TooManyDigits         413  on a page
    +-- UnsupportedPicture    415  not a picture, damaged, or of a format we do not read
    +-- BlankPicture          422  a picture with no ink on it
    +-- InternalError         500  ours: logged with its trace, told without
    +-- Unavailable           503  says when to come back
    |   +-- Overloaded             the queue is full
    |   +-- Stopping               the service is shutting down
    +-- DeadlineExceeded      504  the answer took longer than a request may wait

    StartupError                   the service does not start: one line that says why
    +-- DeviceUnavailable          `cuda` or `tensorrt` was asked for and cannot be had
    +-- ModelRefused               a version on disk is damaged or is not what its manifest says

A body is an RFC 9457 problem document. Its extra member `error` repeats the text, since clients of the
TensorFlow Serving and Open Inference protocols read only that.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/problem+json"
JSON_ROUTES = ("/v1/", "/v2")  # KServe's client reads a problem under its plain type alone


class ServiceError(Exception):
    """An answer that is not the one asked for. The message says what to do about it."""

    status: ClassVar[int]
    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, picture: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.picture = picture  # which of the request's pictures, from 0

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def problem(self) -> Problem:
        return Problem(
            type=f"urn:digits:problem:{self.slug}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            error=self.detail,
            picture=self.picture,
        )


class Problem(BaseModel):
    """RFC 9457: what went wrong and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:digits:problem:blank-picture",
                "title": "The picture is blank",
                "status": 422,
                "detail": "The picture has no ink on it: send one with a digit drawn on it.",
                "error": "The picture has no ink on it: send one with a digit drawn on it.",
                "picture": 0,
            }
        }
    )

    type: str = Field(description="A URI that names the kind of problem and never changes.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request and what to do.")
    error: str = Field(description="The same as `detail`, where clients of the V1 and V2 protocols look for it.")
    picture: int | None = Field(default=None, description="Which of the request's pictures it is about, from 0.")

    def body(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class InvalidRequest(ServiceError):
    status, slug, title = HTTPStatus.BAD_REQUEST, "invalid-request", "The request cannot be understood"


class Unauthorized(ServiceError):
    status, slug, title = HTTPStatus.UNAUTHORIZED, "unauthorized", "A key is needed here"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="digits"'}


class Forbidden(ServiceError):
    status, slug, title = HTTPStatus.FORBIDDEN, "forbidden", "This is not allowed here"


class RouteNotFound(ServiceError):
    status, slug, title = HTTPStatus.NOT_FOUND, "route-not-found", "There is nothing at this address"


class ModelNotFound(ServiceError):
    status, slug, title = HTTPStatus.NOT_FOUND, "model-not-found", "There is no such model"


class MethodNotAllowed(ServiceError):
    status, slug, title = HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "This address takes another method"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Allow": self.allow}


class BodyTooLarge(ServiceError):
    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The request's body is too large"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Connection": "close"}  # the rest of the body is not read


class TooManyPixels(ServiceError):
    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-pixels", "The picture has too many pixels"


class TooManyPictures(ServiceError):
    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-pictures", "There are too many pictures"


class TooManyDigits(ServiceError):
    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-digits", "There are too many digits"


class UnsupportedPicture(ServiceError):
    status, slug, title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-picture", "This is no picture we can read"


class BlankPicture(ServiceError):
    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "blank-picture", "The picture is blank"


class InternalError(ServiceError):
    status, slug, title = HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong on our side"

    def __init__(self) -> None:
        super().__init__(
            "Something went wrong on our side; it has been logged. The same request may work if sent again."
        )


class Unavailable(ServiceError):
    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The service cannot answer now"
    retry_after_s: ClassVar[int] = 1

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class Overloaded(Unavailable):
    slug, title = "overloaded", "The service has more to do than it can"


class Stopping(Unavailable):
    slug, title = "stopping", "The service is shutting down"


class DeadlineExceeded(ServiceError):
    status, slug, title = HTTPStatus.GATEWAY_TIMEOUT, "deadline-exceeded", "The answer took too long"


class StartupError(Exception):
    """The service does not start. The message is one line that says why and what to do."""


class DeviceUnavailable(StartupError):
    """A GPU was asked for and cannot be had."""


class ModelRefused(StartupError):
    """A model version on disk is damaged, incomplete or not what its manifest says."""
