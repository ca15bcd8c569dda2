"""Segments with what they are: the network of kinds learns from them.

Of written lines the signs' boxes are known. Of pages and photographs only the texts are: there the decoder so far finds
the signs, searching for the true text alone (forced alignment, by which speech recognizers learn).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.inference.session import Model
from app.repository.manifest import read_version
from app.segmentation.constraints.values import trie
from app.segmentation.decoding.kinds import OTHER, SIGNS, Features, Network, load
from app.segmentation.decoding.lattice import Lattice
from app.segmentation.decoding.search import best_paths
from app.segmentation.document import spacing_of
from training.datasets.fonts import TRAINING, load_fonts
from training.datasets.mnist import Digits, load_mnist
from training.evaluation.pages import LAYOUTS
from training.line_decoding.documents import KnownDocument, of_page, of_sheet, photographs, segmented
from training.line_decoding.fitting import FIRST_WEIGHTS
from training.line_decoding.written_lines import HARD, NOTHING, Box, WrittenSign, write_line
from training.processes import run_in_processes
from training.synthesis.glyphs import Sources

LABELS = {text or NOTHING: place for place, (_, text) in enumerate(SIGNS)}
SAME, APART = 0.78, 0.6  # overlap of two boxes: what lies between is no sample
LEAST = 0.4  # of a sign with the segment that covers it best
UNLIKE = 20.0  # score by the first weights: a text so much worse than the best was not found
MOST_NONES = 45  # of a line, chosen by chance: there are many more of them than of signs
LINES_OF_A_TASK = 250
PAGES_OF_A_TASK = 60
PHOTOGRAPHED = 0.3  # the share of pages


class Samples(NamedTuple):
    features: Features  # (n, FEATURES)
    labels: NDArray[np.intp]  # (n,): places in `SIGNS`


def join(parts: Sequence[Samples]) -> Samples:
    return Samples(
        np.concatenate([part.features for part in parts]).astype(np.float16),
        np.concatenate([part.labels for part in parts]),
    )


# --- of many lines and pages -----------------------------------------------------------------------------------------


def written_samples(data_dir: Path | None, lines: int, seed: int) -> Samples:
    """Of lines made of MNIST's training digits, on all cores. The same whatever their number.

    Raises `PackageError` if fonts cannot be downloaded.
    """
    tasks = [(data_dir, seed, task) for task in range(max(1, lines // LINES_OF_A_TASK))]
    return join(run_in_processes(task_of_lines, tasks, title="writing lines", unit=f"{LINES_OF_A_TASK} lines"))


def aligned_samples(data_dir: Path | None, version: Path, network: Path, pages: int, seed: int) -> Samples:
    """Of pages of MNIST's training digits, and of photographs of written lines; `version` and `network` align them."""
    tasks = [(data_dir, version, network, seed, task) for task in range(max(1, pages // PAGES_OF_A_TASK))]
    return join(run_in_processes(task_of_pages, tasks, title="aligning pages", unit=f"{PAGES_OF_A_TASK} pages"))


def task_of_lines(data_dir: Path | None, seed: int, task: int) -> Samples:
    cv2.setNumThreads(1)  # there is already one process for each core
    sources = training_sources(data_dir)
    rng = np.random.default_rng((seed, task))
    return join([part for _ in range(LINES_OF_A_TASK) for part in samples_of_line(sources, rng)])


def task_of_pages(data_dir: Path | None, version: Path, network: Path, seed: int, task: int) -> Samples:
    cv2.setNumThreads(1)
    model = Model(read_version(version)[1].float32, "cpu")
    sources, aligner = training_sources(data_dir), Aligner(model, load(network))
    rng = np.random.default_rng((seed, task))
    pages = (random_page(sources, rng) for _ in range(PAGES_OF_A_TASK))
    return join([part for page in pages if page for part in aligner.samples(page, rng)])


@functools.cache
def training_sources(data_dir: Path | None) -> Sources:
    return line_sources(load_mnist(data_dir).train)


def line_sources(digits: Digits) -> Sources:
    return Sources(digits, tuple(load_fonts(TRAINING).values()), ())


def random_page(sources: Sources, rng: Generator) -> KnownDocument | None:
    if rng.random() < PHOTOGRAPHED:
        kinds = photographs(sources, HARD)
        return of_sheet(kinds[rng.integers(len(kinds))], int(rng.integers(2**32)))
    layouts = list(LAYOUTS.values())
    return of_page(sources.digits, layouts[rng.integers(len(layouts))], rng)


# --- of one ----------------------------------------------------------------------------------------------------------


def samples_of_line(sources: Sources, rng: Generator) -> Iterator[Samples]:
    """Of a written line; none if no segment is found."""
    written = write_line(sources, HARD, rng)
    document = segmented(written)
    if document is not None:
        spacing = spacing_of(document.lines)
        features = np.concatenate([line.features(spacing) for line in document.lines])
        boxes = [line.placement.on_picture(segment.box) for line in document.lines for segment in line.segments]
        yield chosen(features, labels_of(boxes, written.signs), rng)


class Aligner:
    """Finds where the signs stand."""

    def __init__(self, model: Model, network: Network) -> None:
        self.model, self.network = model, network

    def samples(self, page: KnownDocument, rng: Generator) -> Iterator[Samples]:
        """Of each line on which its text can be found."""
        spacing = spacing_of(page.document.lines)
        lattices = page.lattices(self.model, self.network)
        for line, text, lattice in zip(page.document.lines, page.texts, lattices, strict=True):
            if signs := aligned(lattice, text):
                yield chosen(line.features(spacing), labels_of([segment.box for segment in line.segments], signs), rng)


def aligned(lattice: Lattice, text: str) -> list[WrittenSign]:
    """The signs of a text that stands on the line, in strip pixels; none if it is too unlike what is found there."""
    nodes = lattice.outgoing(FIRST_WEIGHTS.signs)
    best, true = best_paths(nodes, 1), best_paths(nodes, 1, trie([text]))
    if not true or true[0].score < best[0].score - UNLIKE:
        return []
    return [WrittenSign(edge.text or NOTHING, edge.segment.box) for edge in true[0].edges]


def chosen(features: Features, labels: Sequence[int | None], rng: Generator) -> Samples:
    """All signs, and some of what is none."""
    signs = [index for index, label in enumerate(labels) if label is not None and label != OTHER]
    nones = [index for index, label in enumerate(labels) if label == OTHER]
    kept = [*signs, *rng.permutation(nones)[:MOST_NONES].astype(int)]
    return Samples(features[kept], np.array([labels[index] for index in kept], np.intp))


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
        LABELS[signs[sign].text] if certain else OTHER if share < APART else None
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
