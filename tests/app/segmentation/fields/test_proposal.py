"""Fields proposed from the boxes of a blank form, drawn by hand here."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Grayscale
from app.segmentation.fields.proposal import propose
from app.segmentation.fields.template import Template

WIDTH, HEIGHT = 1000, 800


def form(*boxes: tuple[int, int, int, int]) -> Grayscale:
    paper = np.full((HEIGHT, WIDTH), 240, np.uint8)
    cv2.putText(paper, "800 Boxes", (40, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0,), 4)
    for x, y, width, height in boxes:
        cv2.rectangle(paper, (x, y), (x + width, y + height), (60,), 3)
    return paper


def proposed(paper: Grayscale) -> Template:
    template = propose(paper)
    assert template is not None
    return template


def regions(template: Template) -> list[list[int]]:
    """In pixels."""
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return [
        np.round(np.array([field.x, field.y, field.width, field.height]) * size).astype(int).tolist()
        for field in template.fields.values()
    ]


def test_each_box_is_a_field_in_reading_order() -> None:
    template = proposed(form((400, 300, 500, 80), (400, 150, 200, 60), (650, 152, 250, 60)))
    assert list(template.fields) == ["field1", "field2", "field3"]
    assert np.allclose(regions(template), [[400, 150, 200, 60], [650, 152, 250, 60], [400, 300, 500, 80]], atol=6)
    assert [field.length for field in template.fields.values()] == [None] * 3


def test_boxes_side_by_side_are_one_field_with_a_digit_to_each() -> None:
    template = proposed(form(*((300 + 60 * place, 200, 60, 70) for place in range(5))))
    assert np.allclose(regions(template), [[300, 200, 300, 70]], atol=6)
    assert template.fields["field1"].length == 5


def test_cells_of_a_table_are_fields_of_their_own() -> None:
    cells = [(100 + 250 * column, 200 + 80 * row, 250, 80) for row in range(2) for column in range(3)]
    assert np.allclose(regions(proposed(form(*cells))), cells, atol=6)


def test_frame_around_boxes_is_no_field() -> None:
    template = proposed(form((80, 120, 700, 300), (100, 150, 300, 80), (100, 300, 300, 80)))
    assert np.allclose(regions(template), [[100, 150, 300, 80], [100, 300, 300, 80]], atol=6)


def test_shadow_and_a_lean_do_no_harm() -> None:
    paper = form((400, 300, 500, 80), (400, 150, 200, 60)).astype(np.float32)
    paper *= np.linspace(1, 0.4, WIDTH, dtype=np.float32)
    lean = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 1, 1)
    photo = cv2.warpAffine(paper, lean, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    assert len(proposed(np.asarray(photo, np.uint8)).fields) == 2


def test_page_without_boxes_has_no_template() -> None:
    assert propose(form()) is None


def test_marks_near_the_corners_are_proposed() -> None:
    paper = form((400, 300, 500, 80))
    middles = [(20, 20), (980, 20), (980, 780), (20, 780)]
    for x, y in middles:
        cv2.rectangle(paper, (x - 9, y - 9), (x + 9, y + 9), (0,), cv2.FILLED)
    marks = proposed(paper).marks
    assert marks is not None
    assert np.allclose([(mark.x * WIDTH, mark.y * HEIGHT) for mark in marks], middles, atol=2)
    assert proposed(form((400, 300, 500, 80))).marks is None
