"""Written lines, cut up as the service does it: segments with what they are, and lattices with their texts."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from app.errors import BlankPicture, TooManyDigits
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.decoding.kinds import DIGIT, MARKS, NONE, Features, Network
from app.segmentation.decoding.lattice import Candidates, lattice_of
from app.segmentation.decorations.undecorated import UndecoratedPage
from app.segmentation.document import SAME_PLACE, Document, segment_undecorated, typical_gap
from app.segmentation.orientation import PageReader
from training.datasets.fonts import TRAINING, load_fonts
from training.datasets.mnist import Digits, load_mnist
from training.evaluation.pages import LAYOUTS, make_page
from training.evaluation.robustness import MAX_PIXELS
from training.evaluation.sheets.kinds import KINDS, make_sheet
from training.evaluation.sheets.layouts import STRUCK, TEXT
from training.line_decoding.fitting import LabelledLine
from training.line_decoding.written_lines import HARD, NATURAL, NOTHING, Box, WrittenLine, WrittenSign, write_line
from training.processes import run_in_processes
from training.synthesis.glyphs import Sources

MAX_DIGITS = 256
LABELS = {**{str(digit): DIGIT for digit in range(10)}, **{mark: 1 + n for n, mark in enumerate(MARKS)}, NOTHING: NONE}
SAME, OTHER = 0.78, 0.6  # overlap of two boxes: what lies between is no sample
LEAST = 0.4  # of a sign with the segment that covers it best
MOST_NONES = 45  # of a line, chosen by chance: there are many more of them than of signs
LINES_OF_A_TASK = 250


class Samples(NamedTuple):
    features: Features  # (n, FEATURES)
    labels: NDArray[np.intp]  # (n,): places among the kinds


def make_samples(data_dir: Path | None, lines: int, seed: int) -> Samples:
    """Of lines made of MNIST's training digits, on all cores. The same whatever their number.

    Raises `PackageError` if fonts cannot be downloaded.
    """
    tasks = [(data_dir, seed, task) for task in range(max(1, lines // LINES_OF_A_TASK))]
    parts = run_in_processes(samples_of_task, tasks, title="writing lines", unit=f"{LINES_OF_A_TASK} lines")
    return Samples(np.concatenate([part.features for part in parts]), np.concatenate([part.labels for part in parts]))


def samples_of_task(data_dir: Path | None, seed: int, task: int) -> Samples:
    cv2.setNumThreads(1)  # there is already one process for each core
    sources = training_sources(data_dir)
    rng = np.random.default_rng((seed, task))
    parts = [part for _ in range(LINES_OF_A_TASK) if (part := samples_of_line(sources, rng)) is not None]
    return Samples(
        np.concatenate([part.features for part in parts]).astype(np.float16),
        np.concatenate([part.labels for part in parts]),
    )


@functools.cache
def training_sources(data_dir: Path | None) -> Sources:
    return line_sources(load_mnist(data_dir).train)


def line_sources(digits: Digits) -> Sources:
    return Sources(digits, tuple(load_fonts(TRAINING).values()), ())


def samples_of_line(sources: Sources, rng: Generator) -> Samples | None:
    """None if no segment is found."""
    written = write_line(sources, HARD, rng)
    document = segmented(written)
    if document is None:
        return None
    gap = typical_gap(document.lines)
    features = np.concatenate([line.features(gap) for line in document.lines])
    boxes = [line.placement.on_picture(segment.box) for line in document.lines for segment in line.segments]
    labels = labels_of(boxes, written.signs)
    signs = [index for index, label in enumerate(labels) if label is not None and label != NONE]
    nones = [index for index, label in enumerate(labels) if label == NONE]
    kept = [*signs, *rng.permutation(nones)[:MOST_NONES].astype(int)]
    return Samples(features[kept], np.array([labels[index] for index in kept], np.intp))


def segmented(written: WrittenLine) -> Document | None:
    try:
        return segment_undecorated(UndecoratedPage(written.ink), MAX_DIGITS, SAME_PLACE)
    except (BlankPicture, TooManyDigits):
        return None


def labels_of(boxes: Sequence[Box], signs: Sequence[WrittenSign]) -> list[int | None]:
    """For each segment what it is, None where that is not clear.

    Of each sign the segment that covers it best is the sign, although the cut may have left it something of its
    neighbour, or kept something back.
    """
    shares = np.array([[overlap(box, sign.box) for sign in signs] for box in boxes])
    nearest, greatest = shares.argmax(axis=1), shares.max(axis=1)
    is_sign = greatest >= SAME
    best = shares.argmax(axis=0)
    is_sign[best[shares.max(axis=0) >= LEAST]] = True
    nearest[best] = np.where(shares.max(axis=0) >= LEAST, np.arange(len(signs)), nearest[best])
    return [
        LABELS[signs[sign].text] if certain else NONE if share < OTHER else None
        for sign, certain, share in zip(nearest.tolist(), is_sign.tolist(), greatest.tolist(), strict=True)
    ]


def overlap(one: Box, other: Box) -> float:
    """The intersection of two boxes, of which each side counts as three pixels at least, over their union."""
    sides = []
    for axis in (0, 1):
        (a, b), (c, d) = ((box[axis], box[axis] + max(3, box[axis + 2])) for box in (one, other))
        sides.append((max(0, min(b, d) - max(a, c)), b - a, d - c))
    (x, xa, xb), (y, ya, yb) = sides
    return x * y / (xa * ya + xb * yb - x * y)


def labelled_lines(digits: Digits, count: int, model: Model, network: Network, seed: int) -> list[LabelledLine]:
    """Written lines, lines of pages, and lines of photographed sheets. `digits`: others than the network has seen."""
    sources, rng = line_sources(digits), np.random.default_rng(seed)
    lines: list[LabelledLine] = []
    for _ in tqdm(range(count), "reading lines", unit="line"):
        written = write_line(sources, NATURAL, rng)
        document = segmented(written)
        lines += labelled(document, [written.text], model, network) if document and written.text else []
    for layout in LAYOUTS.values():
        for _ in tqdm(range(count // 2), "reading pages", unit="page"):
            page = make_page(digits, layout, rng)
            file = cv2.imencode(".png", page.pixels[:, :, ::-1])[1].tobytes()
            lines += labelled(first_turn(file), page.lines, model, network)
    for index, kind in enumerate(tqdm(KINDS.values(), "reading sheets", unit="kind")):
        for number in range(count // 200):
            sheet = make_sheet(kind, (seed, index, number))
            lines += labelled(first_turn(sheet.content), sheet.lines, model, network)
    return lines


def first_turn(file: bytes) -> Document | None:
    """A page as it stands on the picture."""
    try:
        return PageReader(open_picture(file, MAX_PIXELS), MAX_DIGITS).segment()
    except (BlankPicture, TooManyDigits):
        return None


def labelled(document: Document | None, texts: Sequence[str], model: Model, network: Network) -> Iterator[LabelledLine]:
    """Nothing where the layout finds more or fewer lines, or where something is no text."""
    if document is None or len(document.lines) != len(texts) or any({STRUCK, TEXT} & {*text} for text in texts):
        return
    gap = typical_gap(document.lines)
    rows = np.split(model.run(document.images), np.cumsum([len(line.segments) for line in document.lines])[:-1])
    for line, digits, text in zip(document.lines, rows, texts, strict=True):
        candidates = Candidates(line.segments, digits, network.run(line.features(gap)))
        yield LabelledLine(lattice_of(line.strip.height, line.cuts, candidates, gap), text)
