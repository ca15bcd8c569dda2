"""The ink of a page without what is drawn or printed around and through its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from app.arrays import Homography, Ink
from app.observability.request_context import check_deadline
from app.preprocessing.components import Box, binarize
from app.preprocessing.ruled_lines import erase_lines, remove_faint_lines
from app.segmentation import layout
from app.segmentation.decorations.displays import join_segments
from app.segmentation.decorations.enclosures import find_enclosures
from app.segmentation.decorations.erasure import erase_outlines
from app.segmentation.decorations.form_lines import find_form_lines
from app.segmentation.decorations.long_strokes import LENGTH, find_long_strokes
from app.segmentation.decorations.windows import invert_windows


class UndecoratedPage(NamedTuple):
    ink: Ink
    strikes: Sequence[Box] = ()  # of the lines that strike something through
    underlines: Sequence[Box] = ()
    to_page: Homography = np.eye(3)  # from the place of its pixels
    is_display: bool = False  # of segments or dots
    is_cut_out: bool = False  # of a page, around what is written: its edges cut nothing


def without_decorations(page: Ink) -> UndecoratedPage:
    """Erases rings, boxes, combs, grids, underlines and strikes, whether digits touch them or not."""
    return without_lines(without_enclosures(page))


def without_enclosures(page: Ink) -> Ink:
    """Without windows, rings, boxes, grids and combs, which are the same upside down."""
    page = invert_windows(page)
    enclosures = find_enclosures(binarize(page))
    return without_form_lines(page if enclosures is None else erase_outlines(page, enclosures))


def without_form_lines(page: Ink) -> Ink:
    """Without combs. The segments of a display are none."""
    check_deadline()
    lines = find_form_lines(binarize(page))
    return page if lines is None or join_segments(page) else erase_lines(page, lines.level, lines.upright)


def without_faint_lines(page: Ink) -> Ink:
    """Without what enclosed nothing since it is broken. The fainter segments of a display are no lines."""
    rest = remove_faint_lines(page)
    return page if rest is not page and join_segments(page) else rest


def without_lines(page: Ink) -> UndecoratedPage:
    """Without underlines and strikes. The digits of displays are joined and made upright."""
    display = join_segments(page)
    if display is not None:
        return UndecoratedPage(display.ink, to_page=display.to_page, is_display=True)
    check_deadline()
    components, _ = layout.largest_components(binarize(page))
    height = layout.typical_height(components) if components else 0
    if all(component.width < LENGTH * height for component in components):
        return UndecoratedPage(page)
    strokes = find_long_strokes(binarize(page), height)
    return UndecoratedPage(erase_outlines(page, strokes.mask), strokes.strikes, strokes.underlines)
