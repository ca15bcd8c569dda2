"""The errors of the service, and the problem document (RFC 9457) that a client receives for each.

    ServiceError
    +-- InvalidRequest        400  malformed JSON, base64 or form, an empty body, a wrong parameter
    +-- Unauthorized          401  no API key, or an unknown one
    +-- Forbidden             403  administration is disabled, or the key is not an administrator's
    +-- RouteNotFound         404
    +-- ModelNotFound         404  no such model, or no such version of it
    +-- TemplateNotFound      404  no such template in the operator's folder
    +-- OriginRefused         403  a page of another origin would change what is kept
    +-- CorrectionsClosed     404  the operator has opened no folder for corrections
    +-- MethodNotAllowed      405  with Allow
    +-- RequestTimeout        408  the request was not complete within `timeout_ms`
    +-- BodyTooLarge          413  known while reading
    +-- TooManyPixels         413  known from the picture's header, before decoding
    +-- TooManyPictures       413
    +-- TooManyDigits         413  on a picture of several
    +-- SeveralDigits         422  where one is to be read
    +-- TooManyPages          413  of a document
    +-- UnsupportedCoding     415  a Content-Encoding that is not supported; with Accept-Encoding
    +-- UnsupportedPicture    415  not a picture, damaged, or of an unsupported format
    +-- BlankPicture          422  no ink on the picture
    +-- InternalError         500  unexpected: logged with its trace; the client gets a generic text
    +-- Unavailable           503  with Retry-After
    |   +-- Overloaded             the queue is full
    |   +-- NotReady               the model cannot run: every run fails, or one does not end
    |   +-- Stopping               the service is shutting down
    |   +-- AuditUnavailable       the audit log cannot take the act, so it was not done
    +-- DeadlineExceeded      504  no answer within `timeout_ms`
    +-- CorrectionsFull       507  the folder of corrections has reached its limit, or its disk is full

    StartupError                   the service does not start; one line that says why
    +-- DeviceUnavailable          `cuda` or `tensorrt` was requested and is not available
    +-- ModelRefused               a version on disk is damaged or does not match its manifest
        +-- ModelUnreadable            the disk does not give it: this may pass

A problem's member `error` repeats `detail`: clients of TensorFlow Serving and the Open Inference Protocol read only it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_CONTENT_TYPE = "application/problem+json"
PLAIN_JSON_PREFIXES = ("/v1/", "/v2")  # routes of KServe's client, which parses a problem only as application/json


class ServiceError(Exception):
    """A response other than the requested one. Its detail says what is wrong and what the client can do about it."""

    status: ClassVar[int]
    slug: ClassVar[str]  # the end of the problem's type, which clients rely on: it never changes
    title: ClassVar[str]

    def __init__(self, detail: str, *, picture: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.picture = picture  # index of the request's picture that caused it

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
    """RFC 9457: what went wrong and what to do about it."""

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

    type: str = Field(description="A URI that identifies the kind of problem and never changes.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request and what to do about it.")
    error: str = Field(description="The same as `detail`, where clients of the V1 and V2 protocols look for it.")
    picture: int | None = Field(default=None, description="Which of the request's pictures caused it, from 0.")

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class InvalidRequest(ServiceError):
    status = HTTPStatus.BAD_REQUEST
    slug = "invalid-request"
    title = "The request is invalid"


class Unauthorized(ServiceError):
    status = HTTPStatus.UNAUTHORIZED
    slug = "unauthorized"
    title = "The API key is missing or unknown"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="digits"'}


class Forbidden(ServiceError):
    status = HTTPStatus.FORBIDDEN
    slug = "forbidden"
    title = "This route is for administrators"


class RouteNotFound(ServiceError):
    status = HTTPStatus.NOT_FOUND
    slug = "route-not-found"
    title = "The route does not exist"


class ModelNotFound(ServiceError):
    status = HTTPStatus.NOT_FOUND
    slug = "model-not-found"
    title = "The model or version does not exist"


class TemplateNotFound(ServiceError):
    status = HTTPStatus.NOT_FOUND
    slug = "template-not-found"
    title = "The template does not exist"


class OriginRefused(ServiceError):
    status = HTTPStatus.FORBIDDEN
    slug = "origin-refused"
    title = "Pages of this origin may not send this"


class CorrectionsClosed(ServiceError):
    status = HTTPStatus.NOT_FOUND
    slug = "corrections-closed"
    title = "The service keeps no corrections"


class MethodNotAllowed(ServiceError):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    slug = "method-not-allowed"
    title = "The route does not support this method"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Allow": self.allow}


class RequestTimeout(ServiceError):
    status = HTTPStatus.REQUEST_TIMEOUT
    slug = "request-timeout"
    title = "The request was not complete in time"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Connection": "close"}  # the rest of the request is not read


class BodyTooLarge(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "body-too-large"
    title = "The request body is too large"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Connection": "close"}  # the rest of the body is not read


class TooManyPixels(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-many-pixels"
    title = "The picture has too many pixels"


class TooManyPictures(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-many-pictures"
    title = "The request has too many pictures"


class TooManyDigits(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-many-digits"
    title = "The picture has too many digits"


class TooManyPages(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-many-pages"
    title = "The document has too many pages"


class SeveralDigits(ServiceError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "several-digits"
    title = "The picture shows several digits"


class UnsupportedCoding(ServiceError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "unsupported-coding"
    title = "The request's Content-Encoding is not supported"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Accept-Encoding": "gzip, deflate"}  # RFC 9110, 15.5.16


class UnsupportedPicture(ServiceError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "unsupported-picture"
    title = "The picture cannot be decoded"


class BlankPicture(ServiceError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "blank-picture"
    title = "The picture is blank"


class InternalError(ServiceError):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    slug = "internal-error"
    title = "An unexpected error occurred in the service"

    def __init__(self) -> None:
        super().__init__("An unexpected error occurred in the service and has been logged: retrying may succeed.")


class Unavailable(ServiceError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "unavailable"
    title = "The service is overloaded or shutting down: see Retry-After"
    retry_after_s: ClassVar[int] = 1

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class Overloaded(Unavailable):
    slug = "overloaded"
    title = "The service is overloaded"


class NotReady(Unavailable):
    slug = "not-ready"
    title = "The model cannot run"


class Stopping(Unavailable):
    slug = "stopping"
    title = "The service is shutting down"

    def __init__(self) -> None:
        super().__init__("The service is shutting down: send the request to another instance.")


class AuditUnavailable(Unavailable):
    slug = "audit-unavailable"
    title = "The audit log cannot be written"

    def __init__(self) -> None:
        super().__init__("The audit log cannot be written, and nothing is done without it: ask the operator.")


class DeadlineExceeded(ServiceError):
    status = HTTPStatus.GATEWAY_TIMEOUT
    slug = "deadline-exceeded"
    title = "The request timed out"


class CorrectionsFull(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    slug = "corrections-full"
    title = "There is no room for corrections"


class StartupError(Exception):
    """The service does not start. The message is one line that says why and what to do about it."""


class DeviceUnavailable(StartupError):
    """A GPU was requested and is not available."""


class ModelRefused(StartupError):
    """A model version on disk is damaged, incomplete or does not match its manifest."""


class ModelUnreadable(ModelRefused):
    """The disk does not give a file, or not in time."""
