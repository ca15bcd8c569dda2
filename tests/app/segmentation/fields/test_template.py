"""Templates of forms, and how wrong ones are refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from app.segmentation.fields.template import TemplateError, parse_template
from tests.support.drawn_forms import ANCHORS, image_of, shares
from tests.support.pictures import encode

METER = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.05}


def template_of(**fields: object) -> bytes:
    return json.dumps({"fields": fields}).encode()


def test_field_has_a_region_and_constraints() -> None:
    template = parse_template(template_of(meter=METER | {"length": 5, "check": "luhn"}, day=METER))
    meter = template.fields["meter"]
    assert (meter.x, meter.y, meter.width, meter.height) == (0.1, 0.2, 0.3, 0.05)
    assert (meter.length, meter.check) == (5, "luhn")
    assert template.fields["day"].automaton() is None


def test_fields_keep_their_order() -> None:
    assert list(parse_template(template_of(z=METER, a=METER)).fields) == ["z", "a"]


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({}, "in the field 'meter', x: Field required"),
        (METER | {"x": -0.1}, "in the field 'meter', x"),
        (METER | {"width": 0}, "in the field 'meter', width"),
        (METER | {"height": 1e-9}, "in the field 'meter', height"),  # its outline would be of millions of pieces
        (METER | {"width": 0.95}, "in the field 'meter': the region ends outside of the document"),
        (METER | {"lenght": 5}, "in the field 'meter', lenght"),
        (METER | {"pattern": "1x"}, "in the field 'meter', pattern: character 2, 'x'"),
        (METER | {"values": ["1", ""]}, "in the field 'meter', values.1"),
        ("0.1", "in the field 'meter'"),
    ],
)
def test_wrong_field_is_named(field: object, named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        parse_template(template_of(day=METER, meter=field))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"[" * 100_000, "recursion limit"),
        (b"[]", "object"),
        (b"{}", "in fields"),
        (b'{"fields": {}}', "in fields"),
        (b'{"fields": {}, "name": "a"}', "in fields"),
        (template_of(**{"": METER}), "in the field ''"),
        (template_of(**{f"f{number}": METER for number in range(101)}), "in fields"),
        (b" " * (2**20 + 1), "more than 1,048,576 bytes"),
    ],
)
def test_what_is_no_template_is_refused(content: bytes, named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        parse_template(content)


MARKS = [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.9, "y": 0.9}, {"x": 0.1, "y": 0.9}]
ANCHOR = shares(ANCHORS[0]) | {"image": image_of(ANCHORS[0])}


def with_landmarks(**landmarks: object) -> bytes:
    return json.dumps({"fields": {"meter": METER}} | landmarks).encode()


def png(pixels: Any) -> str:
    return base64.b64encode(encode(np.asarray(pixels, np.uint8))).decode()


def test_template_has_corner_marks_and_anchors() -> None:
    template = parse_template(with_landmarks(marks=MARKS, anchors=[ANCHOR, ANCHOR]))
    assert template.marks is not None
    assert template.anchors is not None
    assert (template.marks[2].x, template.marks[2].y) == (0.9, 0.9)
    assert template.anchors[1].pixels.shape == (36, 90)


@pytest.mark.parametrize(
    ("landmarks", "named"),
    [
        ({"marks": MARKS[:3]}, "in marks"),
        ({"marks": [*MARKS, MARKS[0]]}, "in marks"),
        ({"marks": MARKS[::-1]}, "in order: upper left"),
        ({"marks": [{"x": 0.5 + mark["x"] / 10, "y": mark["y"]} for mark in MARKS]}, "at least 0.2 apart"),
        ({"marks": [{"x": 1.1, "y": 0.1}, *MARKS[1:]]}, "in marks.0.x"),
        ({"anchors": [ANCHOR]}, "in anchors"),
        ({"anchors": [ANCHOR] * 9}, "in anchors"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": "?"}]}, "in anchors.1.image: it is no base64"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": ""}]}, "in anchors.1.image"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": png(np.eye(300) * 255)}]}, "300 x 300 pixels"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": png(np.eye(4) * 255)}]}, "at least 8 pixels"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": png(np.full((20, 20), 200))}]}, "nothing is printed on it"),
        ({"anchors": [ANCHOR, ANCHOR | {"image": "A" * 200_000}]}, "in anchors.1.image"),
        ({"anchors": [ANCHOR, ANCHOR | {"width": 0.99}]}, "in anchors.1: the region ends outside"),
    ],
)
def test_wrong_landmark_is_named(landmarks: dict[str, object], named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        parse_template(with_landmarks(**landmarks))
