"""The responses of our own API: predictions of one digit, explained predictions, and pages of digits."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np
import orjson
from pydantic import BaseModel, Field

from app.arrays import Images, Probabilities
from app.errors import Problem, ServiceError
from app.inference.explanation import Explained, Explanation
from app.segmentation.decoding.reading import Box, ReadLine, SignKind
from app.segmentation.fields.reader import ReadField
from app.segmentation.page_reader import ReadPage as Page


class ModelInfo(Protocol):
    """What responses say of a model, without knowing how models are stored. A manifest has these."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def labels(self) -> Sequence[str]:
        """The names of the classes, by index."""

    @property
    def threshold(self) -> float:
        """The least confidence with which a digit is accepted."""


class NumberedPage(NamedTuple):
    """A page of a document."""

    number: int  # from 1
    size: tuple[int, int]  # width and height, in the pixels of its boxes
    contents: Page
    fields: Mapping[str, ReadField] | None


class ModelName(BaseModel):
    name: str
    version: int


class Prediction(BaseModel):
    """The digit on one picture."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(description="Calibrated probability that the picture shows this digit.")
    probabilities: list[float] = Field(
        description="Of the digits 0 to 9. The remainder to 1 is the probability that the picture is not a digit.",
        min_length=10,
        max_length=10,
    )
    accepted: bool = Field(description="Whether the confidence reaches the model's threshold.")
    image: str | None = Field(
        default=None, description="With return_image=true: the 28 x 28 image the model saw, a PNG in base64."
    )


class FailedPrediction(BaseModel):
    """With on_error=each: why there is no prediction for one picture."""

    error: Problem


class Predictions(BaseModel):
    """One prediction for each picture, in the order of the request."""

    model: ModelName
    predictions: list[Prediction | FailedPrediction]


class ExplainedPrediction(BaseModel):
    """The digit on one picture, and which pixels decided."""

    model: ModelName
    prediction: Prediction
    explanation: Explained


class PageDigit(BaseModel):
    """A digit found on a page."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(description="Calibrated probability that the box contains this digit.")
    accepted: bool = Field(description="Whether the confidence reaches 0.9 and the model's threshold.")
    box: Box = Field(
        description="x, y, width and height in pixels of the picture as sent, upright after EXIF rotation."
    )


class Placed(BaseModel):
    """How the page lay on the picture."""

    turned: Literal[0, 90, 180, 270] = Field(
        description="By how many degrees, counterclockwise, the picture was turned to be read."
    )
    sheet: list[tuple[int, int]] | None = Field(
        description="The corners of the sheet of paper that was found, x and y in pixels of the picture as sent; "
        "null if the whole picture was read."
    )


class Alternative(BaseModel):
    """One of the likeliest readings."""

    text: str
    probability: float


class FieldReading(BaseModel):
    """What stands in a field of a form."""

    text: str = Field(description="With marks and spaces; empty if nothing stands there.")
    confidence: float = Field(description="Calibrated probability that the text is right.")
    accepted: bool = Field(description="Whether the confidence suffices, and the constraints are satisfied.")
    satisfied: bool = Field(description="Whether the text satisfies the constraints, if there are any.")
    box: Box = Field(description="x, y, width and height in pixels of the picture as sent.")
    alternatives: list[Alternative] = Field(description="The likeliest readings, the best first.")


class LineSign(BaseModel):
    """A sign on a line."""

    kind: SignKind
    text: str = Field(description="What stands there; empty if it is none of the signs that are read.")
    confidence: float
    accepted: bool
    struck: bool = Field(description="Whether a line strikes it through: then it is not accepted.")
    box: Box


class LineReading(FieldReading):
    """A line as it stands on the page."""

    struck: bool = Field(description="Whether all of its signs are struck through.")
    signs: list[LineSign] = Field(description="From the left to the right.")


class PageContents(BaseModel):
    text: str = Field(description="The lines as they stand, with marks and spaces, and a line break between them.")
    lines: list[str] = Field(description="The digits of each line; empty if there is ink but no digit.")
    digits: list[PageDigit] = Field(description="All digits, in reading order.")
    readings: list[LineReading] = Field(description="The lines with their marks, from the top to the bottom.")
    fields: dict[str, FieldReading] | None = Field(default=None, description="With a template: its fields, by name.")
    page: Placed


class ReadPage(PageContents):
    """The digits on a page: lines from top to bottom, digits from left to right."""

    model: ModelName


class DocumentPage(PageContents):
    """One page of a document: empty if the page is blank."""

    number: int = Field(ge=1, description="Of the page in the document, from 1.")
    width: int = Field(description="Of the page in the pixels of its boxes. PDF pages are rendered first.")
    height: int


class ReadDocument(BaseModel):
    """The digits on the pages of a PDF document, or of a TIFF file of several pages."""

    model: ModelName
    text: str = Field(description="The pages' texts, with a form feed between them.")
    pages: list[DocumentPage]


def encode_predictions(model: ModelInfo, probabilities: Probabilities, images: Images | None) -> bytes:
    """As `Predictions`. `images`: what the model saw, if the response is to show it."""
    return to_json({"model": name_of(model), "predictions": describe_predictions(model, probabilities, images)})


def encode_each(
    model: ModelInfo, probabilities: Probabilities, images: Images | None, errors: Mapping[int, ServiceError]
) -> bytes:
    """As `encode_predictions`, with the problem of each picture that failed in its place. `errors`: by its index."""
    predictions = describe_predictions(model, probabilities, images)
    for index, error in sorted(errors.items()):
        predictions.insert(index, {"error": error.problem().model_dump(exclude_none=True)})
    return to_json({"model": name_of(model), "predictions": predictions})


def encode_explained(
    model: ModelInfo, probabilities: Probabilities, images: Images | None, explanation: Explanation
) -> bytes:
    """As `ExplainedPrediction`."""
    (prediction,) = describe_predictions(model, probabilities, images)
    return to_json({"model": name_of(model), "prediction": prediction, "explanation": explanation})


def encode_page(model: ModelInfo, page: Page, fields: Mapping[str, ReadField] | None = None) -> bytes:
    """As `ReadPage`. `fields`: those of the request's template."""
    return to_json({"model": name_of(model), **describe_page(model, page, fields)})


def encode_document(model: ModelInfo, pages: Sequence[NumberedPage]) -> bytes:
    """As `ReadDocument`."""
    described = [
        {"number": number, "width": width, "height": height, **describe_page(model, page, fields)}
        for number, (width, height), page, fields in pages
    ]
    text = "\f".join(page["text"] for page in described)
    return to_json({"model": name_of(model), "text": text, "pages": described})


def describe_page(model: ModelInfo, page: Page, fields: Mapping[str, ReadField] | None) -> dict[str, Any]:
    """As `PageContents`."""
    threshold, lines = model.threshold, page.lines
    digits = [
        {
            "digit": int(digit.text),
            "confidence": np.float32(digit.confidence),  # as many decimals as on the other routes
            "accepted": digit.is_accepted(threshold),
            "box": digit.box,
        }
        for line in lines
        for digit in line.digits
    ]
    placed = {"turned": page.turned, "sheet": page.sheet}
    document: dict[str, Any] = {"text": full_text(lines), "lines": line_texts(lines), "digits": digits}
    document["readings"] = [describe_line(line, threshold) for line in lines]
    if fields is not None:
        document["fields"] = {name: describe_reading(field, field.box, threshold) for name, field in fields.items()}
    return document | {"page": placed}


def describe_line(line: ReadLine, threshold: float) -> dict[str, Any]:
    """As `LineReading`."""
    signs = [
        {
            "kind": sign.kind,
            "text": sign.text,
            "confidence": np.float32(sign.confidence),
            "accepted": sign.is_accepted(threshold),
            "struck": sign.struck,
            "box": sign.box,
        }
        for sign in line.signs
    ]
    return describe_reading(line, line.box, threshold) | {"struck": line.struck, "signs": signs}


def describe_reading(reading: ReadLine | ReadField, box: Box, threshold: float) -> dict[str, Any]:
    """As `FieldReading`."""
    return {
        "text": reading.text,
        "confidence": np.float32(reading.confidence),
        "accepted": reading.is_accepted(threshold),
        "satisfied": reading.satisfies,
        "box": box,
        "alternatives": [{"text": text, "probability": np.float32(share)} for text, share in reading.alternatives],
    }


def to_json(document: dict[str, Any]) -> bytes:
    """Straight from NumPy's arrays, several times faster than through Pydantic's models."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def name_of(model: ModelInfo) -> dict[str, Any]:
    return {"name": model.name, "version": model.version}


def describe_predictions(model: ModelInfo, probabilities: Probabilities, images: Images | None) -> list[dict[str, Any]]:
    threshold = model.threshold
    predictions = [describe_prediction(probabilities[i], threshold) for i in range(len(probabilities))]
    if images is not None:
        for prediction, image in zip(predictions, images, strict=True):
            prediction["image"] = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
    return predictions


def describe_prediction(row: Probabilities, threshold: float) -> dict[str, Any]:
    """The prediction of one row (10,) of probabilities."""
    digit = int(row.argmax())
    accepted = row.item(digit) >= threshold
    return {"digit": digit, "confidence": row[digit], "probabilities": row, "accepted": accepted}


def full_text(lines: Sequence[ReadLine]) -> str:
    """The lines as they stand, with their marks and spaces; without those that are none of the signs that are read."""
    return "\n".join(line.text for line in lines if line.text)


def line_texts(lines: Sequence[ReadLine]) -> list[str]:
    """The digits of each line that has any."""
    return ["".join(digit.text for digit in line.digits) for line in lines if line.digits]
