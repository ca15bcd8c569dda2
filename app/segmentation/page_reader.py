"""A picture of several digits is read the way up in which it reads best.

    reader = PageReader(picture, max_digits)
    while document := reader.segment():
        reader.add(document.decode(...))    the model has read `document.images`
    reader.page

The shape of a digit does not tell which way up it is: 6 and 9, 2 and 5. So a page that reads badly is read again
turned, and the readings are compared.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from app.arrays import Grayscale, Homography, Ink, Probabilities
from app.errors import BlankPicture, TooManyDigits
from app.observability.request_context import check_deadline
from app.preprocessing.decode import Picture, decode
from app.preprocessing.ink import extract_ink, ink_on_uneven_background
from app.preprocessing.ruled_lines import remove_ruled_lines
from app.segmentation import layout
from app.segmentation.constraints.automaton import Automaton
from app.segmentation.decoding.reading import SIGN_THRESHOLD, ReadLine
from app.segmentation.decorations.paper_edges import without_paper_edges
from app.segmentation.decorations.shadows import without_shadows
from app.segmentation.decorations.undecorated import without_enclosures, without_faint_lines
from app.segmentation.document import Document, segment_ink
from app.segmentation.sheet import Sheet, flatten
from app.segmentation.words import words_apart

CERTAIN = 0.93  # mean confidence: a page that reads better is not turned
HOPELESS = 0.15  # and one that reads worse neither: sideways, digits still read at 0.3 to 0.7
MOST_COMPARED = 300  # components, the largest
BETTER, MUCH_BETTER = 0.04, 0.2  # a turned page must read better by so much: one of many digits; of few, or a display
MANY_DIGITS = 12
UPRIGHT = "23457"  # read with certainty of half of MNIST's digits, upside down of one in 25
MORE_UPRIGHT = 2  # of them, at least, on a page that was upside down: a letter may be one when it is turned
ACROSS = 0.8  # of the components whose nearest neighbour is beside them: lines run across the picture


class ReadPage(NamedTuple):
    """The lines of a page, and how it lay on the picture."""

    lines: Sequence[ReadLine]
    turned: int  # degrees, counterclockwise: so the picture was turned to be read
    sheet: Sequence[tuple[int, int]] | None  # the corners of the sheet that was found, in pixels of the picture


BLANK_PAGE = ReadPage([], 0, None)


class PageReader:
    """One picture while it is read."""

    def __init__(self, picture: Picture, max_digits: int) -> None:
        """Raises `UnsupportedPicture` or `BlankPicture`."""
        check_deadline()
        self.max_digits = max_digits
        longer_side = max(picture.width, picture.height)
        grayscale = decode(picture)
        check_deadline()
        scale = longer_side / max(grayscale.shape)
        self.to_picture: Homography = np.diag([scale, scale, 1.0])
        self.ink, self.corners = self.ink_of_page(grayscale)
        self.likeliest = ReadPage([], 0, self.corners)  # of the turns that were tried
        self.tried: list[int] = []  # quarters
        self.undecorated: dict[int, Ink] = {}  # without enclosures: as the picture is (0), turned by a quarter (1)
        self.is_display = False
        self.first = self.best = 0.0  # how certain the reading was: that of the first turn, the best one

    def ink_of_page(self, grayscale: Grayscale) -> tuple[Ink, list[tuple[int, int]] | None]:
        """Of the sheet where there is one, else of the whole picture."""
        sheet = flatten(grayscale)
        if sheet:
            try:
                ink = ink_of_sheet(sheet.pixels)
            except BlankPicture:
                pass
            else:
                self.to_picture = self.to_picture @ sheet.to_picture
                return without_shadows(ink), self.corners_on_picture(sheet)
        return without_shadows(extract_ink(grayscale, is_page=True)), None

    def corners_on_picture(self, sheet: Sheet) -> list[tuple[int, int]]:
        height, width = sheet.pixels.shape
        corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) @ self.to_picture.T
        return [(round(x / w), round(y / w)) for x, y, w in corners.tolist()]

    def segment(self) -> Document | None:
        """The page in its next turn; None once it is read. Raises `BlankPicture` or `TooManyDigits`."""
        if not self.tried:
            return self.segment_turned(0)
        while self.is_doubtful and (turns := self.turns - {*self.tried}):
            with suppress(BlankPicture, TooManyDigits):
                return self.segment_turned(min(turns))
        return None

    @property
    def is_doubtful(self) -> bool:
        """Whether the page may read better turned."""
        return (self.first > HOPELESS or self.runs_down) and self.best < CERTAIN

    @functools.cached_property
    def across(self) -> float:
        """The share of signs that are beside their nearest neighbour, which is of their line."""
        return share_across(self.undecorated[0])

    @property
    def runs_down(self) -> bool:
        """Whether its lines run down the picture: the first turn reads signs that lie on their sides."""
        return not self.is_display and self.across <= 1 - ACROSS

    @property
    def turns(self) -> set[int]:
        """The quarters, counterclockwise, by which the page may have to be turned."""
        return {2} if self.across >= ACROSS else {1, 3} if self.runs_down else {1, 2, 3}

    def segment_turned(self, quarters: int) -> Document:
        self.tried.append(quarters)
        sideways = quarters % 2
        if sideways not in self.undecorated:
            whole = np.ascontiguousarray(np.rot90(self.ink, sideways))
            self.undecorated[sideways] = without_paper_edges(without_faint_lines(without_enclosures(whole)))
        page = np.ascontiguousarray(np.rot90(self.undecorated[sideways], quarters - sideways))
        document = segment_ink(page, self.max_digits, self.to_picture @ turned_back(quarters, self.ink.shape))
        self.is_display |= document.is_display
        return document

    def add(self, lines: Sequence[ReadLine]) -> None:
        """What was read in this turn."""
        certainty, quarters = typical_confidence(lines), self.tried[-1]
        if not quarters:
            self.first = certainty
        digits = sum(len(line.digits) for line in self.likeliest.lines)
        is_clear = self.runs_down or (digits >= MANY_DIGITS and not self.is_display)
        margin = BETTER if is_clear else MUCH_BETTER
        is_upright = quarters != 2 or upright(lines) >= upright(self.likeliest.lines) + MORE_UPRIGHT
        if not quarters or (certainty > self.best + margin and is_upright):
            self.best = certainty
            self.likeliest = ReadPage(lines, 90 * quarters, self.corners)

    def decode_and_segment(
        self, document: Document, probabilities: Probabilities, alternatives: int, automaton: Automaton | None
    ) -> Document | None:
        """Adds what `Document.decode` reads in this turn, and segments the next; None once the page is read."""
        self.add(document.decode(probabilities, alternatives, automaton))
        return self.segment()

    @property
    def page(self) -> ReadPage:
        """What was read, lines of words told from numbers."""
        return self.likeliest._replace(lines=[part for line in self.likeliest.lines for part in words_apart(line)])


def ink_of_sheet(pixels: Grayscale) -> Ink:
    """Raises `BlankPicture`."""
    return remove_ruled_lines(ink_on_uneven_background(pixels, is_page=True))


def share_across(ink: Ink) -> float:
    """Of the components on a page, the share whose nearest neighbour is beside them, and not above or below."""
    components, _ = layout.connected_components(ink)
    boxes = layout.edges(layout.without_dust(components)[:MOST_COMPARED])
    if boxes.shape[1] < 2:
        return 1.0
    x, y = boxes[0::2].mean(axis=0), boxes[1::2].mean(axis=0)
    distances = np.hypot(x - x[:, np.newaxis], y - y[:, np.newaxis])
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    return float(np.mean(np.abs(x[nearest] - x) > np.abs(y[nearest] - y)))


def typical_confidence(lines: Sequence[ReadLine]) -> float:
    """The median of the lines' means: a heading above the numbers counts little. What is no sign is not read at all."""
    signs = [signs for line in lines if (signs := [sign for sign in line.signs if sign.kind != "space"])]
    confidences = [np.mean([0.0 if sign.kind == "other" else sign.confidence for sign in line]) for line in signs]
    return float(np.median(confidences)) if confidences else 0.0


def upright(lines: Sequence[ReadLine]) -> int:
    """How many certain digits tell that the page is not upside down."""
    return sum(digit.text in UPRIGHT and digit.confidence >= SIGN_THRESHOLD for line in lines for digit in line.digits)


def turned_back(quarters: int, shape: tuple[int, ...]) -> Homography:
    """From a picture that `np.rot90` has turned to the one before, which has this shape."""
    height, width = shape
    back = {
        0: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        1: [[0, -1, width], [1, 0, 0], [0, 0, 1]],
        2: [[-1, 0, width], [0, -1, height], [0, 0, 1]],
        3: [[0, 1, 0], [-1, 0, height], [0, 0, 1]],
    }
    return np.array(back[quarters], np.float64)
