"""Pictures of lines whose texts are known, cut up as the service does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from app.errors import BlankPicture, TooManyDigits
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.decoding.kinds import Network
from app.segmentation.decoding.lattice import Candidates, Lattice, lattice_of
from app.segmentation.decorations.undecorated import UndecoratedPage
from app.segmentation.document import SAME_PLACE, Document, segment_undecorated, spacing_of
from app.segmentation.page_reader import PageReader
from training.datasets.mnist import Digits
from training.evaluation.pages import MAX_DIGITS, Layout, make_page, open_page
from training.evaluation.robustness import MAX_PIXELS
from training.evaluation.sheets.kinds import Kind, make_sheet
from training.evaluation.sheets.layouts import HEIGHT, STRUCK, TEXT, WIDTH, Drawn, blank, ruled_paper, squared_paper
from training.evaluation.sheets.photographs import coloured, evenly, in_perspective, on_desk, pencilled, tilted
from training.line_decoding.written_lines import LINE_HEIGHT, Hand, Manner, WrittenLine, put_together, text_of
from training.synthesis.glyphs import Sources, choose

SIZES = 55, 110  # pixels: heights of the digits on a sheet of three megapixels
PITCH = 1.7, 2.8  # heights: from one line of a sheet to the next
MAX_LINES = 6


class KnownDocument(NamedTuple):
    document: Document
    texts: list[str]  # of its lines

    def lattices(self, model: Model, network: Network) -> Iterator[Lattice]:
        """Of its lines."""
        lines, spacing = self.document.lines, spacing_of(self.document.lines)
        ends = np.cumsum([len(line.segments) for line in lines])[:-1]
        for line, digits in zip(lines, np.split(model.run(self.document.images), ends), strict=True):
            candidates = Candidates(line.segments, digits, network.run(line.features(spacing)))
            yield lattice_of(line.strip.height, line.cuts, candidates, spacing)


def known(document: Document | None, texts: list[str]) -> KnownDocument | None:
    """None where the layout finds more or fewer lines, or where something is no text."""
    if document is None or len(document.lines) != len(texts) or any({STRUCK, TEXT} & {*text} for text in texts):
        return None
    return KnownDocument(document, texts)


def of_line(written: WrittenLine) -> KnownDocument | None:
    return known(segmented(written), [written.text]) if written.text else None


def segmented(written: WrittenLine) -> Document | None:
    try:
        return segment_undecorated(UndecoratedPage(written.ink), MAX_DIGITS, SAME_PLACE)
    except (BlankPicture, TooManyDigits):
        return None


def of_page(digits: Digits, layout: Layout, rng: Generator) -> KnownDocument | None:
    page = make_page(digits, layout, rng)
    return known(first_turn(lambda: open_page(page.pixels)), page.lines)


def of_sheet(kind: Kind, *seed: int) -> KnownDocument | None:
    sheet = make_sheet(kind, seed)
    return known(first_turn(lambda: PageReader(open_picture(sheet.content, MAX_PIXELS), MAX_DIGITS)), sheet.lines)


def first_turn(open_reader: Callable[[], PageReader]) -> Document | None:
    """A page as it stands on the picture."""
    try:
        return open_reader().segment()
    except (BlankPicture, TooManyDigits):
        return None


def photographs(sources: Sources, manner: Manner) -> list[Kind]:
    """Sheets of written lines, on all papers and in all positions."""

    def draw(rng: Generator) -> Drawn:
        return written_sheet(sources, manner._replace(spoilt=False), rng)

    positions = evenly, tilted, on_desk(6, 0.05), in_perspective(0.05)
    return [Kind("", draw, position, colour) for position in positions for colour in (coloured, coloured, pencilled)]


def written_sheet(sources: Sources, manner: Manner, rng: Generator) -> Drawn:
    """Lines by one hand below each other."""
    height = float(rng.uniform(*SIZES))
    hand, pitch = Hand(sources, height, manner, rng), height * float(rng.uniform(*PITCH))
    ruled = ruled_paper(round(pitch / 2), rng)
    paper = choose((blank(), ruled, squared_paper(rng)), rng)
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    texts: list[str] = []
    left, top = round(float(rng.uniform(60, 260))), round(float(rng.uniform(0, 200)))
    while len(texts) < MAX_LINES and top + LINE_HEIGHT * height < HEIGHT:
        line = put_together(text_of(manner, rng), hand, manner, rng)
        if line.ink.shape[1] < WIDTH - left:
            part = ink[top : top + len(line.ink), left : left + line.ink.shape[1]]
            np.maximum(part, line.ink, out=part)
            texts.append(line.text)
            top += round(pitch)
    return Drawn(paper, ink, texts)
