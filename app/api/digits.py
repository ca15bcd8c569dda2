"""Our own API: pictures in, digits out, one or several on a picture."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import numpy as np
from fastapi import APIRouter

from app.api.openapi import PICTURE_ERRORS, problems
from app.api.state import ApiRequest, AppState
from app.arrays import CLASSES, IMAGE_SIZE, Images
from app.codecs.bodies import (
    BINARY,
    PAGE_BODY,
    PICTURE_BODY,
    PICTURES_BODY,
    File,
    Limits,
    is_picture,
    parse_files,
    parse_page,
    parse_pictures,
    parse_single_picture,
)
from app.codecs.parameters import (
    ALTERNATIVES,
    CONSTRAINT_PARAMETERS,
    DIGIT,
    MAX_CACHED_QUERY,
    MODEL_PARAMETERS,
    ON_ERROR,
    PAGES,
    RETURN_IMAGE,
    TEMPLATE,
    QueryParameters,
    parse_query,
    parse_query_cached,
)
from app.codecs.predictions import (
    ExplainedPrediction,
    NumberedPage,
    Predictions,
    ReadDocument,
    ReadPage,
    encode_document,
    encode_each,
    encode_explained,
    encode_page,
    encode_predictions,
)
from app.documents.page_numbers import select_pages
from app.documents.pages import DocumentFile, open_document, page_errors, pages_in_turn
from app.errors import (
    BlankPicture,
    InvalidRequest,
    ModelNotFound,
    ServiceError,
    TemplateNotFound,
    TooManyDigits,
    TooManyPages,
    Unavailable,
)
from app.http.accept import prefers
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.inference.explanation import explain, overlay
from app.preprocessing.decode import Picture
from app.preprocessing.pool import lane_of, memory_of, open_pictures, preprocess_files, preprocess_small, thread_pool
from app.repository.servable import Servable
from app.segmentation.fields.form_reader import FormReader
from app.segmentation.fields.reader import ReadField
from app.segmentation.fields.template import Template, TemplateError, parse_template
from app.segmentation.page_reader import BLANK_PAGE, PageReader
from app.segmentation.page_reader import ReadPage as Page

router = APIRouter(tags=["digits"])

PROBLEMS = problems(InvalidRequest, ModelNotFound, *PICTURE_ERRORS, Unavailable)


def admit(request: ApiRequest) -> tuple[QueryParameters, Servable]:
    """The query's parameters, and the servable they name if its queue has room.

    Raises `InvalidRequest`, `ModelNotFound` or `Overloaded` before any picture is decoded.
    """
    query = request.query
    parameters = parse_query_cached(query) if len(query) < MAX_CACHED_QUERY else parse_query(query)
    servable = request.state.repository.resolve(parameters.model, parameters.version)
    servable.check_capacity()
    return parameters, servable


async def predict(request: ApiRequest) -> RawResponse:
    """Reads one or more pictures of one digit each, of any size, polarity and position."""
    parameters, servable = admit(request)
    if parameters.each:
        return await predict_each(request, parameters, servable)
    limits = request.state.limits
    images = preprocess_small(request.body, limits.max_pixels) if is_picture(request) else None
    if images is None:
        pictures = await parse_pictures(request, limits)
        images = await preprocess_files(pictures, limits.max_pixels)
    probabilities = await servable.predict(images)
    shown = images if parameters.return_image else None
    return RawResponse(encode_predictions(servable.manifest, probabilities, shown))


async def predict_each(request: ApiRequest, parameters: QueryParameters, servable: Servable) -> RawResponse:
    """As `predict`, but a bad picture fails alone."""
    max_pixels = request.state.limits.max_pixels
    images: list[Images] = []
    errors: dict[int, ServiceError] = {}
    for index, file in enumerate(await parse_files(request, request.state.limits)):
        try:
            images.append(await preprocess_file(file, max_pixels))
        except ServiceError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            error.picture = index
            errors[index] = error
    batch = np.concatenate(images) if images else np.empty((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    probabilities = await servable.predict(batch) if images else np.empty((0, CLASSES), np.float32)
    shown = batch if parameters.return_image else None
    return RawResponse(encode_each(servable.manifest, probabilities, shown, errors))


async def preprocess_file(file: File, max_pixels: int) -> Images:
    """(1, 28, 28), made in a thread: many small pictures would keep the event loop as long as one large one."""
    if isinstance(file, ServiceError):
        raise file
    images = await thread_pool.small.run(preprocess_small, file, max_pixels)
    return await preprocess_files([file], max_pixels) if images is None else images


async def explain_picture(request: ApiRequest) -> RawResponse:
    """Reads one picture of one digit and says how much each pixel speaks for that digit, or for the requested one.

    With `Accept: image/png` the response is a picture: blue pixels speak for the digit, orange ones against it.
    """
    parameters, servable = admit(request)
    limits = request.state.limits
    images = await preprocess_files([await parse_single_picture(request, limits)], limits.max_pixels)
    probabilities, (explanation,) = await explain(servable.run, images, parameters.digit)
    if prefers(request.headers.get(b"accept", b"").decode("latin-1"), "image/png"):
        return RawResponse(overlay(images[0], explanation.attributions), b"image/png")
    shown = images if parameters.return_image else None
    return RawResponse(encode_explained(servable.manifest, probabilities, shown, explanation))


async def read(request: ApiRequest) -> RawResponse:
    """Reads one picture of several digits and their marks: a postcode, a date, a meter, a column of numbers.

    The sheet may lie on a desk, in perspective, and be turned. Lines may slope slightly, digits may touch, strokes may
    be broken. Specks, rings, underlines and the lines of boxes and tables are ignored.

    The pages of a PDF document, or of a TIFF file of several, are read one after the other.
    """
    parameters, servable = admit(request)
    limits = request.state.limits
    body = await parse_page(request, limits)
    template = await template_of(request, parameters, body.template)
    reading = Reading(servable, parameters, template, limits)
    document = open_document(body.picture, limits.max_pixels)
    if document:
        return RawResponse(encode_document(servable.manifest, await read_document(document, reading)))
    select_pages(1, parameters.pages, limits.max_pages)
    (picture,) = await open_pictures([body.picture], limits.max_pixels)
    page, fields = await read_picture(picture, reading)
    return RawResponse(encode_page(servable.manifest, page, fields))


class Reading(NamedTuple):
    """How the pages of one request are read."""

    servable: Servable
    parameters: QueryParameters
    template: Template | None
    limits: Limits


async def read_picture(picture: Picture, reading: Reading) -> tuple[Page, Mapping[str, ReadField] | None]:
    """The contents of a page; those of the template's fields, and the fields, if there is one."""
    servable, parameters, template, limits = reading
    if template:
        return await read_form(picture, template, reading)
    automaton = parameters.constraints.automaton()
    lane = lane_of(picture)
    reader = await lane.run_with_memory(memory_of(picture), PageReader, picture, limits.max_pictures)
    document = await lane.run(reader.segment)
    while document:
        rows = await servable.predict(document.images)
        document = await lane.run(reader.decode_and_segment, document, rows, parameters.alternatives, automaton)
    return reader.page, None


async def read_form(picture: Picture, template: Template, reading: Reading) -> tuple[Page, Mapping[str, ReadField]]:
    servable, max_digits, lane = reading.servable, reading.limits.max_pictures, lane_of(picture)
    reader = await lane.run_with_memory(memory_of(picture), FormReader, picture, template, max_digits)
    fields = await lane.run(reader.segment)
    while fields:
        rows = await servable.predict(fields.images) if len(fields.images) else np.empty((0, CLASSES), np.float32)
        fields = await lane.run(reader.decode_and_segment, fields, rows, reading.parameters.alternatives)
    return reader.page, reader.fields


async def read_document(file: DocumentFile, reading: Reading) -> list[NumberedPage]:
    """Its pages. Raises `BlankPicture` if all are blank."""
    pages = []
    async for number, picture in pages_in_turn(file, reading.parameters.pages, reading.limits.max_pages):
        size = picture.width, picture.height
        with page_errors(number):
            try:
                page, fields = await read_picture(picture, reading)
            except BlankPicture:
                page, fields = BLANK_PAGE, None
        pages.append(NumberedPage(number, size, page, fields))
    if all(page.contents is BLANK_PAGE for page in pages):
        raise BlankPicture("The document has no ink on its pages: send one with digits on it.")
    return pages


async def template_of(request: ApiRequest, parameters: QueryParameters, part: bytes | None) -> Template | None:
    """The template in the form, or the one that is named. Raises `InvalidRequest` or `TemplateNotFound`."""
    name, kept = parameters.template, request.state.templates
    if part is None:
        if name is not None and name not in kept:
            raise TemplateNotFound(f"There is no template {name!r}: choose from {', '.join(kept) or 'none'}.")
        return kept[name] if name is not None else None
    if name is not None:
        raise InvalidRequest("The request has a template in its form and the parameter 'template': send one of them.")
    try:
        return await thread_pool.small.run(parse_template, part)
    except TemplateError as error:
        raise InvalidRequest(f"The template {error}.") from error


HOT_ROUTES: list[HotRoute[AppState]] = [HotRoute("/predict", predict)]

router.add_api_route(
    "/predict",
    fastapi_endpoint(predict),
    methods=["POST"],
    operation_id="predict",
    response_model=Predictions,
    responses=PROBLEMS,
    openapi_extra={"requestBody": PICTURES_BODY, "parameters": [*MODEL_PARAMETERS, RETURN_IMAGE, ON_ERROR]},
)
router.add_api_route(
    "/explain",
    fastapi_endpoint(explain_picture),
    methods=["POST"],
    operation_id="explain",
    summary="Explain",
    response_model=ExplainedPrediction,
    responses=PROBLEMS | {200: {"content": {"image/png": BINARY}}},
    openapi_extra={"requestBody": PICTURE_BODY, "parameters": [*MODEL_PARAMETERS, RETURN_IMAGE, DIGIT]},
)
router.add_api_route(
    "/read",
    fastapi_endpoint(read),
    methods=["POST"],
    operation_id="read",
    response_model=ReadPage | ReadDocument,
    responses=problems(
        InvalidRequest, ModelNotFound, TemplateNotFound, *PICTURE_ERRORS, TooManyDigits, TooManyPages, Unavailable
    ),
    openapi_extra={
        "requestBody": PAGE_BODY,
        "parameters": [*MODEL_PARAMETERS, ALTERNATIVES, *CONSTRAINT_PARAMETERS, TEMPLATE, PAGES],
    },
)
