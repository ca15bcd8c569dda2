"""What stands on a flat sheet: numbers of one hand, on blank and printed paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from app.arrays import Grayscale
from training.evaluation.sheets.handwriting import Hand, smooth_noise

FloatImage = NDArray[np.float32]  # (H, W)

WIDTH, HEIGHT = 1512, 2016  # pixels: three megapixels
MAX_LINES = 8
TITLE = 180  # pixels: the room of a printed title

TITLES = ("Meter readings", "Counts per ward", "RESULTS", "Stock list", "Water levels", "Name and amount", "Kilometres")
FOOTERS = ("Please write clearly", "Signature of the clerk", "NOTES", "Page one of two", "received with thanks")
HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
)  # fmt: skip

# --- what is written -------------------------------------------------------------------------------------------------


def digits(rng: Generator, count: int) -> str:
    return "".join(map(str, rng.integers(0, 10, count)))


def number(rng: Generator) -> str:
    return digits(rng, 5)


def many_ones(rng: Generator) -> str:
    return "".join("1" if rng.random() < 0.6 else digits(rng, 1) for _ in range(5))


def short_number(rng: Generator) -> str:
    return str(rng.integers(100, 1000))


def decimal(point: str) -> Callable[[Generator], str]:
    return lambda rng: f"{rng.integers(10, 2000)}{point}{digits(rng, 2)}"


def date(rng: Generator) -> str:
    return f"{rng.integers(1, 29):02}/{rng.integers(1, 13):02}/{rng.integers(1990, 2027)}"


def negative(rng: Generator) -> str:
    return f"-{rng.integers(10, 10000)}"


def clock_time(rng: Generator) -> str:
    return f"{rng.integers(10, 24)}:{rng.integers(0, 60):02}"


def grouped(rng: Generator) -> str:
    return f"{rng.integers(10, 1000)} {rng.integers(0, 1000):03}"


def in_brackets(rng: Generator) -> str:
    return f"({short_number(rng)})"


def sum_of_two(rng: Generator) -> str:
    return f"{rng.integers(10, 100)}+{rng.integers(10, 100)}"


def percentage(rng: Generator) -> str:
    return f"{rng.integers(10, 100)}%"


# --- how it is laid out ----------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """A flat sheet."""

    paper: FloatImage  # (H, W): 1 white, darker where something is printed
    ink: Grayscale  # what is written
    lines: list[str]  # with `STRUCK` for a number that is struck through, `TEXT` for a line of words


STRUCK, TEXT = "~", "?"

Bounds = tuple[float, float, float, float]  # left, top, right and bottom
Write = Callable[[Generator], str]
Decorate = Callable[[Hand, Grayscale, Bounds], None]


def blank() -> FloatImage:
    return np.ones((HEIGHT, WIDTH), np.float32)


def soft(paper: NDArray[Any]) -> FloatImage:
    """As printed: lines have no hard edges."""
    return np.asarray(cv2.GaussianBlur(paper.astype(np.float32), (0, 0), 0.8), np.float32)


def column(
    rng: Generator,
    write: Write,
    paper: FloatImage,
    pitch: float = 0,
    decorate: Decorate | None = None,
) -> Drawn:
    """Numbers below each other, `pitch` pixels from one to the next, and below what is printed at the top."""
    pitch = pitch or float(rng.uniform(160, 210))
    hand = Hand(rng, height=pitch * float(rng.uniform(0.42, 0.58)))
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = float(rng.uniform(150, 320)), float(rng.uniform(150, 260)) + TITLE * (paper[:TITLE].min() < 0.5)
    texts: list[str] = []
    while len(texts) < MAX_LINES and y + 1.3 * hand.height < HEIGHT - 60:
        text = write(rng)
        right = hand.write(ink, text, x + float(rng.normal(0, 0.1)) * hand.height, y)
        if decorate:
            decorate(hand, ink, (x, y, right, y + hand.height))
        texts.append(text)
        y += pitch
    return Drawn(paper, ink, texts)


def plain(write: Write) -> Callable[[Generator], Drawn]:
    return lambda rng: column(rng, write, blank())


def squared(rng: Generator) -> Drawn:
    return column(rng, number, squared_paper(rng))


def squared_paper(rng: Generator) -> FloatImage:
    paper, step = blank(), int(rng.integers(36, 60))
    level = float(rng.uniform(0.75, 0.9))
    paper[int(rng.integers(step)) :: step] = level
    paper[:, int(rng.integers(step)) :: step] = level
    return soft(paper)


def ruled(rng: Generator) -> Drawn:
    step = int(rng.integers(80, 110))
    return column(rng, number, ruled_paper(step, rng), pitch=2 * step)


def ruled_paper(step: int, rng: Generator) -> FloatImage:
    """`step`: pixels from one line to the next."""
    paper = blank()
    for top in range(int(rng.integers(step)), HEIGHT - 3, step):
        paper[top : top + 2] = float(rng.uniform(0.75, 0.88))
    return soft(paper)


def strong_grid(rng: Generator) -> Drawn:
    """Squared paper with dark lines, as wide as some digits or as two."""
    paper, step, level = blank(), int(rng.integers(100, 180)), float(rng.uniform(0.3, 0.6))
    thickness = int(rng.integers(2, 5))
    left, top = int(rng.integers(60, 120)), int(rng.integers(60, 120))
    columns, rows = (WIDTH - 60 - left) // step, (HEIGHT - 60 - top) // step
    for row in range(rows + 1):
        y = top + row * step
        paper[y : y + thickness, left : left + columns * step + thickness] = level
    for place in range(columns + 1):
        x = left + place * step
        paper[top : top + rows * step, x : x + thickness] = level
    hand, ink, texts = Hand(rng, height=step * float(rng.uniform(0.5, 0.68))), np.zeros((HEIGHT, WIDTH), np.uint8), []
    for row in range(1, rows - 1, 2):
        texts.append(digits(rng, min(6, columns)))
        for place, character in enumerate(texts[-1]):
            sign = hand.style[character]
            middle = left + place * step + (step - hand.width(sign) * hand.height) / 2
            hand.sign(
                ink,
                sign,
                middle + float(rng.normal(0, 0.03)) * step,
                top + row * step + (step - hand.height) / 2 + float(rng.normal(0, 0.03)) * step,
            )
    return Drawn(soft(paper), ink, texts)


def ringed(rng: Generator) -> Drawn:
    def ring(hand: Hand, ink: Grayscale, box: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = box
        angles = np.linspace(0, 2 * math.pi * float(rng.uniform(0.98, 1.04)), 60) + float(rng.uniform(0, 6))
        across, down = (right - left) / 2 + 0.75 * hand.height, (bottom - top) / 2 + 0.42 * hand.height
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        points = np.stack([np.cos(angles) * across, np.sin(angles) * down], 1) + middle
        hand.stroke(ink, points + smooth_noise(60, rng) * 4)

    return column(rng, short_number, blank(), 330, ring)


def underlined(rng: Generator) -> Drawn:
    def underline(hand: Hand, ink: Grayscale, box: tuple[float, float, float, float]) -> None:
        left, _, right, bottom = box
        y = bottom + hand.height * float(rng.uniform(0.14, 0.3))
        points = np.stack([np.linspace(left - 0.2 * hand.height, right + 0.2 * hand.height, 12), np.full(12, y)], 1)
        hand.stroke(ink, points + smooth_noise(12, rng) * 3)

    return column(rng, number, blank(), 240, underline)


def boxed(rng: Generator) -> Drawn:
    """One digit to a printed box, a number to a row."""
    hand = Hand(rng, height=float(rng.uniform(70, 90)))
    paper, ink, texts = blank(), np.zeros((HEIGHT, WIDTH), np.uint8), []
    side, left, top = int(hand.height * rng.uniform(1.35, 1.6)), int(rng.uniform(150, 300)), int(rng.uniform(150, 300))
    for row in range(7):
        y = top + row * int(side * 1.5)
        text = number(rng)
        for place, character in enumerate(text):
            x = left + place * side
            cv2.rectangle(paper, (x, y), (x + side, y + side), float(rng.uniform(0.25, 0.5)), 3)
            sign = hand.style[character]
            middle = x + (side - hand.width(sign) * hand.height) / 2
            hand.sign(
                ink, sign, middle + float(rng.normal(0, 3)), y + (side - hand.height) / 2 + float(rng.normal(0, 3))
            )
        texts.append(text)
    return Drawn(paper, ink, texts)


def table(rng: Generator) -> Drawn:
    """Numbers in the cells of a printed table of three columns."""
    hand = Hand(rng, height=float(rng.uniform(62, 80)))
    paper, ink, texts = blank(), np.zeros((HEIGHT, WIDTH), np.uint8), []
    wide, high, left, top = 380, int(hand.height * rng.uniform(1.6, 2)), 140, int(rng.uniform(150, 300))
    for row in range(8):
        y, cells = top + row * high, []
        for place in range(3):
            x = left + place * wide
            cv2.rectangle(paper, (x, y), (x + wide, y + high), 0.35, 3)
            cells.append(short_number(rng))
            hand.write(ink, cells[-1], x + float(rng.uniform(0.35, 0.7)) * hand.height, y + (high - hand.height) / 2)
        texts.append(" ".join(cells))
    return Drawn(paper, ink, texts)


def heading(rng: Generator) -> Drawn:
    """A printed title above the numbers, which is text and no number."""
    printed = np.zeros((HEIGHT, WIDTH), np.uint8)
    title = ["Meter readings", "Counts per ward", "Results", "Stock list"][int(rng.integers(4))]
    size = float(rng.uniform(2.2, 3.2))
    cv2.putText(printed, title, (160, 170), cv2.FONT_HERSHEY_DUPLEX, size, (255,), 5, cv2.LINE_AA)
    return column(rng, number, soft(np.where(printed > 127, 0.15, 1)))


def words(rng: Generator) -> Drawn:
    """A title in one of several fonts and sizes, and words below the numbers."""
    printed = np.zeros((HEIGHT, WIDTH), np.uint8)
    typeset(printed, TITLES[int(rng.integers(len(TITLES)))], (150, 110), int(rng.uniform(60, 120)), rng)
    typeset(printed, FOOTERS[int(rng.integers(len(FOOTERS)))], (150, HEIGHT - 150), int(rng.uniform(36, 70)), rng)
    paper = soft(1 - printed / 255 * float(rng.uniform(0.6, 0.9)))
    drawn = column(rng, number, np.asarray(paper, np.float32)[: HEIGHT - 260])
    return drawn._replace(paper=paper, lines=[TEXT, *drawn.lines, TEXT])


def typeset(printed: Grayscale, text: str, at: tuple[int, int], size: int, rng: Generator) -> None:
    """Draws words `size` pixels high whose upper left corner is at x, y."""
    if rng.random() < 0.4:
        picture = Pillow.fromarray(printed)
        ImageDraw.Draw(picture).text(at, text, font=ImageFont.load_default(size), fill=255)
        printed[:] = np.asarray(picture)
        return
    font = HERSHEY[int(rng.integers(len(HERSHEY)))]
    scale = cv2.getFontScaleFromHeight(font, round(0.7 * size))
    cv2.putText(printed, text, (at[0], at[1] + size), font, scale, (255,), max(2, size // 16), cv2.LINE_AA)
