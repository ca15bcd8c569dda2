"""The sheet of paper on a photograph."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale
from app.segmentation.sheet import find_sheet, flatten
from app.segmentation.sheet_edges import MOST_OUTLINES, quadrilaterals
from training.evaluation.sheets.layouts import number, plain
from training.evaluation.sheets.photographs import coloured, lit, on_desk

CORNERS = np.array([[150, 90], [690, 130], [650, 930], [110, 900]], np.float32)


def on_table(paper: int, table: int, corners: np.ndarray = CORNERS) -> Grayscale:
    """A sheet with one stroke on it."""
    picture = np.full((1000, 800), table, np.uint8)
    cv2.fillPoly(picture, [corners.astype(np.int32)], (paper,))
    cv2.line(picture, (380, 400), (360, 600), (20,), 12)
    return picture


@pytest.mark.parametrize(("paper", "table"), [(240, 30), (230, 150), (120, 60)])
def test_sheet_is_found_on_a_darker_table(paper: int, table: int) -> None:
    found = find_sheet(on_table(paper, table))
    assert found is not None
    assert np.abs(found - CORNERS).max() < 12  # pixels


def test_sheet_is_found_although_light_falls_off_below_the_tables_own_brightness() -> None:
    light = np.linspace(1, 0.5, 1000)[:, np.newaxis]
    found = find_sheet((on_table(240, 150) * light).astype(np.uint8))
    assert found is not None
    assert np.abs(found - CORNERS).max() < 12  # pixels


def with_sheet(desk: Grayscale) -> Grayscale:
    """A written sheet that lies on a desk of 1000 by 800 pixels."""
    picture = desk.copy()
    cv2.fillPoly(picture, [CORNERS.astype(np.int32)], (235,))
    for y in (200, 400, 600, 800):
        cv2.line(picture, (330, y), (320, y + 70), (40,), 10)
    return picture


@pytest.mark.parametrize("seed", range(3))
def test_grain_of_a_wooden_desk_is_no_writing_beside_the_sheet(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (250, 20)), (0, 0), 1.5)
    wood = 110 * (1 + 0.6 * cv2.resize(grain, (800, 1000)))
    found = find_sheet(with_sheet(np.clip(wood, 0, 255).astype(np.uint8)))
    assert found is not None
    assert np.abs(found - CORNERS).max() < 12  # pixels


def test_joints_between_boards_are_no_writing_beside_the_sheet() -> None:
    desk = np.full((1000, 800), 130, np.uint8)
    for y in range(30, 1000, 150):
        cv2.line(desk, (0, y), (800, y + 20), (40,), 8)
    found = find_sheet(with_sheet(desk))
    assert found is not None
    assert np.abs(found - CORNERS).max() < 12  # pixels


@pytest.mark.parametrize("seed", range(4))
def test_a_sheet_that_the_edge_of_a_shadow_crosses_is_found_whole(seed: int) -> None:
    """In the shadow it is darker than the desk in the light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:1000, :800]
    angle = rng.uniform(0, 2 * np.pi)
    in_shadow = (x - 400) * np.cos(angle) + (y - 500) * np.sin(angle) > rng.uniform(-60, 60)
    light = cv2.GaussianBlur(np.where(in_shadow, 0.5, 1), (0, 0), 2)
    picture = with_sheet(np.full((1000, 800), 150, np.uint8)) * light + rng.normal(0, 3, light.shape)
    found = find_sheet(np.clip(picture, 0, 255).astype(np.uint8))
    assert found is not None
    assert np.abs(found - CORNERS).max() < 15  # pixels


def test_edges_of_shadows_that_cross_are_no_sheet() -> None:
    """Of the four sides of the lit part, two are the desk's shadows, and writing goes on in them."""
    page = np.full((1000, 800), 220.0)
    page[:, :200] *= 0.6
    page[:, 600:] *= 0.6
    page[:250] *= 0.6
    page[750:] *= 0.6
    for top in range(60, 960, 120):
        for left in range(60, 760, 90):
            page[top : top + 60, left : left + 8] *= 0.2
    assert find_sheet(page.astype(np.uint8)) is None


def test_of_frames_within_frames_few_outlines_are_looked_at() -> None:
    """They make hundreds, each of which would take milliseconds."""
    picture = np.full((256, 205), 30, np.uint8)
    for step in range(8):
        cv2.rectangle(
            picture, (8 + 10 * step, 8 + 10 * step), (197 - 10 * step, 248 - 10 * step), (55 + 25 * step,), -1
        )
    assert len(quadrilaterals(picture)) == MOST_OUTLINES


def test_picture_of_nothing_but_paper_has_no_sheet() -> None:
    assert flatten(np.full((400, 300), 220, np.uint8)) is None


def test_edge_of_a_shadow_is_no_sheet() -> None:
    picture = np.full((1000, 800), 220, np.uint8)
    picture[:, 500:] = 140
    assert find_sheet(picture) is None


def test_lit_part_of_a_page_is_no_sheet_if_there_is_writing_in_the_shadow() -> None:
    """The paper's own edge is below."""
    picture = np.full((1000, 800), 220, np.uint8)
    picture[:450] = 130
    picture[960:] = 50
    assert find_sheet(picture) is not None
    for y in (100, 200, 600, 700):
        cv2.line(picture, (200, y), (190, y + 70), (20,), 10)
    assert find_sheet(picture) is None


def test_none_of_two_written_sheets_is_found_alone() -> None:
    """The other one's numbers would be lost."""
    picture = np.full((800, 1400), 70, np.uint8)
    for left, size in ((100, 480), (860, 440)):
        cv2.rectangle(picture, (left, 100), (left + size, 700), (235,), cv2.FILLED)
    assert find_sheet(picture) is not None
    for x in (300, 1050):
        for y in (200, 400, 600):
            cv2.line(picture, (x, y), (x - 10, y + 60), (40,), 10)
    assert find_sheet(picture) is None


def test_frame_around_digits_is_no_sheet() -> None:
    picture = np.full((1000, 800), 220, np.uint8)
    cv2.rectangle(picture, (100, 100), (700, 800), (30,), 6)
    assert find_sheet(picture) is None


def test_places_on_the_flat_sheet_are_places_on_the_picture() -> None:
    flat = flatten(on_table(240, 40))
    assert flat is not None
    y, x = np.argwhere(flat.pixels < 80).mean(axis=0)
    (place,) = cv2.perspectiveTransform(np.array([[[x, y]]]), flat.to_picture)[0]
    assert place == pytest.approx([370, 500], abs=4)


@pytest.mark.parametrize("seed", range(4))
def test_sheets_photographed_on_desks_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = lit(on_desk(12, 0.05)(coloured(plain(number)(rng), rng), rng), rng)
    grayscale = np.asarray(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    assert find_sheet(grayscale) is not None
