"""What sign a segment is: a digit, one of the marks, or none of them, as half a digit and two digits are.

The model reads digits only, and takes a slash for a 1 without a doubt. A small network (a multilayer perceptron) looks
at what the model does not see: the segment at its size and its place on the line, and the cuts on both its sides. It
has learnt from digits that were cut apart too.
`python -m training decoder` trains it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink
from app.preprocessing.components import binarize
from app.segmentation.decoding.reading import SignKind
from app.segmentation.decoding.strokes import slant_of
from app.segmentation.decoding.writing import Writing
from app.segmentation.oversegmentation import Cuts, Segment

Features = NDArray[np.float32]  # (n, FEATURES)

MARKS: dict[str, SignKind] = {
    ".": "point",
    ",": "comma",
    ":": "colon",
    "-": "minus",
    "+": "plus",
    "/": "slash",
    "(": "bracket",
    ")": "bracket",
    "%": "percent",
    "=": "equals",
}
SIGNS: list[tuple[SignKind, str]] = [
    *(("digit", str(digit)) for digit in range(10)),
    *((kind, mark) for mark, kind in MARKS.items()),
    ("other", ""),
]
MARK, OTHER = 10, len(SIGNS) - 1  # the places of the first mark, and of what is no sign

HEIGHT = 14  # pixels of the view in which the line's digits are as high
ROWS, COLUMNS = 2 * HEIGHT, 24
ABOVE = HEIGHT // 2  # rows above the digits' top
WIDEST_GAP = 1.0  # heights: wider ones count as this
MEASURES = 13
FEATURES = ROWS * COLUMNS + MEASURES


def segment_features(segments: Sequence[Segment], cuts: Cuts, writing: Writing, typical_gap: float) -> Features:
    """`typical_gap`: between the page's signs, in heights."""
    crossed = np.minimum(cuts.crossed / writing.height, WIDEST_GAP).tolist()
    gaps = np.minimum(cuts.gaps, WIDEST_GAP).tolist()
    gaps[0] = gaps[-1] = WIDEST_GAP
    rows = np.empty((len(segments), FEATURES), np.float32)
    for row, segment in zip(rows, segments, strict=True):
        x, y, width, height = segment.box
        slope, offset = writing.base
        top = y - (slope * (x + width / 2) + offset - writing.height)  # pixels below the digits' top
        row[:-MEASURES] = view(segment.ink, top, writing.height).ravel()
        row[:-MEASURES] /= 255
        row[-MEASURES:] = (
            width / writing.height,
            height / writing.height,
            top / writing.height,
            (top + height) / writing.height,
            writing.pen / writing.height,
            writing.slant,
            slant_of(binarize(segment.ink)) - writing.slant,
            crossed[segment.start],
            crossed[segment.end],
            gaps[segment.start],
            gaps[segment.end],
            min(typical_gap, WIDEST_GAP),
            segment.end - segment.start - 1,
        )
    return rows


def view(ink: Ink, top: float, line_height: float) -> Ink:
    """(ROWS, COLUMNS): the segment, centred between the columns; in the rows, where it stands on the line."""
    factor = HEIGHT / line_height
    height, width = ink.shape
    size = min(COLUMNS, max(1, round(width * factor))), min(ROWS, max(1, round(height * factor)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    left = (COLUMNS - size[0]) // 2
    first = min(max(0, round(ABOVE + top * factor)), ROWS - size[1])
    seen = np.zeros((ROWS, COLUMNS), np.uint8)
    seen[first : first + size[1], left : left + size[0]] = small
    return seen


class Network(NamedTuple):
    """Fully connected layers with rectifiers between them."""

    weights: list[NDArray[np.float32]]  # of each layer (inputs, outputs)
    biases: list[NDArray[np.float32]]

    def run(self, features: Features) -> NDArray[np.float32]:
        """(n, FEATURES) -> (n, SIGNS): the probability of each."""
        values = features
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ weights + biases, 0)
        logits = values @ self.weights[-1] + self.biases[-1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def load(path: Path) -> Network:
    with np.load(path) as arrays:
        layers = len(arrays.files) // 2
        weights, biases = ([arrays[f"{name}{n}"].astype(np.float32) for n in range(layers)] for name in ("w", "b"))
    return Network(weights, biases)


@functools.cache
def network() -> Network:
    """The one that comes with the service."""
    return load(Path(__file__).with_name("kinds.npz"))
