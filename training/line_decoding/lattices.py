"""Lattices whose texts are known: the decoder's weights are fitted to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from app.inference.session import Model
from app.segmentation.decoding.kinds import Network
from training.evaluation.pages import LAYOUTS
from training.evaluation.sheets.kinds import KINDS
from training.line_decoding.documents import KnownDocument, of_line, of_page, of_sheet, photographs
from training.line_decoding.fitting import LabelledLine
from training.line_decoding.written_lines import NATURAL, write_line
from training.synthesis.glyphs import Sources


def labelled_lines(sources: Sources, count: int, model: Model, network: Network, seed: int) -> list[LabelledLine]:
    """Written lines, lines of pages, and lines of photographed sheets. `sources`: others than the network has seen."""
    return [
        LabelledLine(lattice, text)
        for known in documents(sources, count, seed)
        if known
        for lattice, text in zip(known.lattices(model, network), known.texts, strict=True)
    ]


def documents(sources: Sources, count: int, seed: int) -> Iterator[KnownDocument | None]:
    """`count`: of lines that stand alone; half as many pages of each layout, a 200th as many sheets of each kind."""
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(count), "reading lines", unit="line"):
        yield of_line(write_line(sources, NATURAL, rng))
    for layout in LAYOUTS.values():
        for _ in tqdm(range(count // 2), "reading pages", unit="page"):
            yield of_page(sources.digits, layout, rng)
    kinds = [*photographs(sources, NATURAL), *KINDS.values()]
    for index, kind in enumerate(tqdm(kinds, "reading sheets", unit="kind")):
        for number in range(count // 200):
            yield of_sheet(kind, seed, index, number)
