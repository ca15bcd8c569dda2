"""Forms with named fields, filled in by hand: boxes, rows of small boxes and their printed labels."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale
from training.evaluation.sheets.handwriting import Hand
from training.evaluation.sheets.layouts import HEIGHT, WIDTH, Drawn, FloatImage, date, decimal, digits, soft

LEFT = 430  # pixels: of the fields; their labels are on the left of it
MARK_INSET, MARK_SIDE = 100, 44  # pixels: of a corner mark's middle, from the edges of the sheet, and its side
CODES = ("101", "205", "317", "422")


class Entry(NamedTuple):
    """What a field is for."""

    label: str
    write: Callable[[Generator], str]
    constraints: dict[str, Any]
    comb: int = 0  # boxes for one digit each; 0: one box


class Form(NamedTuple):
    drawn: Drawn
    blank: FloatImage  # the same without what is written
    template: dict[str, Any]
    texts: dict[str, str]  # by field


def with_luhn(rng: Generator) -> str:
    number = digits(rng, 9)
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[::-2]]
    return f"{number}{-(sum(doubled) + sum(int(digit) for digit in number[-2::-2])) % 10}"


ENTRIES = {
    "meter": Entry("Meter", lambda rng: digits(rng, 5), {"length": 5}),
    "customer": Entry("Customer", with_luhn, {"check": "luhn", "length": 10}, 10),
    "day": Entry("Date", date, {"check": "date"}),
    "amount": Entry("Amount", decimal("."), {"pattern": r"\d+\.\d\d"}),
    "code": Entry("Code", lambda rng: CODES[int(rng.integers(len(CODES)))], {"values": CODES}, 3),
    "count": Entry("Count", lambda rng: digits(rng, 3), {"length": 3}),
}


def make_form(rng: Generator) -> Form:
    """Six fields below each other."""
    printed, ink = np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    template: dict[str, Any] = {}
    texts: dict[str, str] = {}
    hand = Hand(rng, height=float(rng.uniform(52, 64)))
    cv2.putText(printed, "Meter card", (150, 190), cv2.FONT_HERSHEY_DUPLEX, 2.6, (50,), 5, cv2.LINE_AA)
    top = int(rng.uniform(280, 380))
    for name, entry in ENTRIES.items():
        texts[name] = entry.write(rng)
        box = draw_field(printed, entry, top, int(hand.height * 1.5))
        fill_in(hand, ink, texts[name], entry, box)
        x, y, width, height = box
        region = {"x": x / WIDTH, "y": y / HEIGHT, "width": width / WIDTH, "height": height / HEIGHT}
        template[name] = region | entry.constraints
        top += int(rng.uniform(210, 260))
    paper = soft(printed / 255)
    return Form(Drawn(paper, ink, list(texts.values())), paper, {"fields": template}, texts)


def with_marks(form: Form) -> Form:
    """With a black square near each corner, which the template knows."""
    printed = np.full((HEIGHT, WIDTH), 255, np.uint8)
    middles = [(x, y) for y in (MARK_INSET, HEIGHT - MARK_INSET) for x in (MARK_INSET, WIDTH - MARK_INSET)]
    for x, y in middles:
        cv2.rectangle(
            printed, (x - MARK_SIDE // 2, y - MARK_SIDE // 2), (x + MARK_SIDE // 2, y + MARK_SIDE // 2), 30, -1
        )
    upper_left, upper_right, lower_left, lower_right = ({"x": x / WIDTH, "y": y / HEIGHT} for x, y in middles)
    marks = [upper_left, upper_right, lower_right, lower_left]
    blank = np.minimum(form.blank, soft(printed / 255))
    return form._replace(drawn=form.drawn._replace(paper=blank), blank=blank, template=form.template | {"marks": marks})


def with_anchors(form: Form) -> Form:
    """With the labels of four fields as anchors."""
    regions = [form.template["fields"][name] for name in ("meter", "customer", "amount", "count")]
    return form._replace(template=form.template | {"anchors": [label_anchor(form.blank, region) for region in regions]})


def label_anchor(blank: FloatImage, region: dict[str, Any]) -> dict[str, Any]:
    """What is printed beside a field."""
    top, bottom = round(region["y"] * HEIGHT), round((region["y"] + region["height"]) * HEIGHT)
    pixels = (255 * blank[top:bottom, : LEFT - 10]).astype(np.uint8)
    x, y, width, height = cv2.boundingRect((pixels < 200).astype(np.uint8))
    png = cv2.imencode(".png", pixels[y : y + height, x : x + width])[1].tobytes()
    place = {"x": x / WIDTH, "y": (top + y) / HEIGHT, "width": width / WIDTH, "height": height / HEIGHT}
    return place | {"image": base64.b64encode(png).decode()}


def draw_field(printed: Grayscale, entry: Entry, top: int, side: int) -> tuple[int, int, int, int]:
    """Its label and its boxes. Returns x, y, width and height."""
    cv2.putText(printed, entry.label, (150, top + side - 30), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (60,), 3, cv2.LINE_AA)
    width = side * entry.comb if entry.comb else 800
    for place in range(max(1, entry.comb)):
        step = width // max(1, entry.comb)
        x = LEFT + place * step
        cv2.rectangle(printed, (x, top), (x + step, top + side), (90,), 3)
    return LEFT, top, width, side


def fill_in(hand: Hand, ink: Grayscale, text: str, entry: Entry, box: tuple[int, int, int, int]) -> None:
    x, top, _, side = box
    y = top + (side - hand.height) / 2
    if not entry.comb:
        hand.write(ink, text, x + 0.5 * hand.height, y)
    for place, character in enumerate(text if entry.comb else ""):
        sign = hand.style[character]
        hand.sign(ink, sign, x + place * side + (side - hand.width(sign) * hand.height) / 2, y)
