"""Blank forms drawn by hand, and photographs of them: what templates are found by."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from app.arrays import Grayscale
from app.segmentation.fields.placement import Placement, of_corners, transform
from app.segmentation.fields.template import Template
from tests.support.pictures import encode

WIDTH, HEIGHT = 600, 800
BOXES = {"meter": (180, 150, 330, 50), "count": (180, 330, 150, 50), "code": (180, 600, 240, 60)}
LABELS = {"Meter": (40, 185), "Count": (40, 365), "Ward 7": (40, 640)}
MARKS = ((40, 40), (560, 40), (560, 760), (40, 760))
ANCHORS = ((36, 155, 90, 36), (36, 335, 90, 36), (36, 610, 115, 36))  # x, y, width and height around each label


def blank_form(*, boxes: bool = True, marks: bool = False) -> Grayscale:
    paper = np.full((HEIGHT, WIDTH), 240, np.uint8)
    for label, place in LABELS.items():
        cv2.putText(paper, label, place, cv2.FONT_HERSHEY_DUPLEX, 0.9, (40,), 2, cv2.LINE_AA)
    for x, y, width, height in BOXES.values() if boxes else ():
        cv2.rectangle(paper, (x, y), (x + width, y + height), (60,), 2)
    for x, y in MARKS if marks else ():
        cv2.rectangle(paper, (x - 12, y - 12), (x + 12, y + 12), (20,), cv2.FILLED)
    return paper


def shares(box: Sequence[int]) -> dict[str, float]:
    x, y, width, height = box
    return {"x": x / WIDTH, "y": y / HEIGHT, "width": width / WIDTH, "height": height / HEIGHT}


def template_of(*, marks: bool = False, anchors: bool = False) -> Template:
    template: dict[str, object] = {"fields": {name: shares(box) for name, box in BOXES.items()}}
    if marks:
        template["marks"] = [{"x": x / WIDTH, "y": y / HEIGHT} for x, y in MARKS]
    if anchors:
        template["anchors"] = [shares(box) | {"image": image_of(box)} for box in ANCHORS]
    return Template.model_validate(template)


def image_of(box: Sequence[int]) -> str:
    x, y, width, height = box
    return base64.b64encode(encode(blank_form()[y : y + height, x : x + width])).decode()


def photograph(form: Grayscale, corners: Sequence[tuple[float, float]]) -> tuple[Grayscale, Placement]:
    """The form with its corners at these places of a picture as large, and nothing but paper around it."""
    true = of_corners(np.array(corners, np.float64), "sheet")
    matrix = true.to_picture @ np.diag([1 / WIDTH, 1 / HEIGHT, 1])
    picture = cv2.warpPerspective(form, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_CONSTANT, borderValue=(240,))
    return np.asarray(picture, np.uint8), true


CLOSE_UP = ((-12, 8), (606, -14), (618, 806), (4, 822))
SMALL = ((60, 90), (500, 70), (525, 660), (70, 680))


def distance(placement: Placement, true: Placement) -> float:
    """Pixels of the picture: the largest between where two placements see the corners of the boxes."""
    corners = [(x + across, y + down) for x, y, w, h in BOXES.values() for across in (0, w) for down in (0, h)]
    places = np.array(corners, np.float64) / (WIDTH, HEIGHT)
    return float(np.abs(transform(placement.to_picture, places) - transform(true.to_picture, places)).max())
