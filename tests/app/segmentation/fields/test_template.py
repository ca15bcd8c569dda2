"""Templates of forms, and how wrong ones are refused."""

from __future__ import annotations

import json

import pytest

from app.segmentation.fields.template import TemplateError, parse_template

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
