"""Samples of every kind of picture with what was read, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from app.preprocessing.decode import decode, open_picture
from training.evaluation.robustness import MAX_PIXELS, SHOWN, Outcome, Reading

FILE = "kinds.png"
CELL, CAPTION, HEAD, GAP = 72, 15, 20, 6  # pixels: a picture's side, what is written below it and above its row
WIDTH = GAP + SHOWN * (CELL + GAP)
PAPER, TEXT = "#eceef1", "#202226"
RIGHT, WRONG, UNSURE = "#1b7f3b", "#c62828", "#7a7f87"
NOTHING = "#f6c9d4"  # shines through where a picture is transparent
COLOURS = 256  # of the file: a third of the bytes of all colours


def contact_sheet(outcomes: Sequence[Outcome]) -> bytes:
    """A PNG: a row for each kind; below each picture the digit and its confidence in percent.

    Green is right, red is wrong and would have been accepted, grey was not accepted.
    """
    row = HEAD + CELL + CAPTION + GAP
    sheet = Image.new("RGB", (WIDTH, row * len(outcomes) + GAP), PAPER)
    for number, outcome in enumerate(outcomes):
        draw_row(sheet, number * row + GAP, outcome)
    buffer = io.BytesIO()
    sheet.quantize(COLOURS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def draw_row(sheet: Image.Image, top: int, outcome: Outcome) -> None:
    pen = ImageDraw.Draw(sheet)
    verb = "read rightly" if outcome.auroc is None else "refused"
    pen.text((GAP, top), f"{outcome.kind}: {outcome.right:.1%} {verb}", fill=TEXT, font=ImageFont.load_default(13))
    for number, reading in enumerate(outcome.shown):
        left = GAP + number * (CELL + GAP)
        picture = thumbnail(reading.sample.file)
        sheet.paste(picture, (left + (CELL - picture.width) // 2, top + HEAD + (CELL - picture.height) // 2))
        text, colour = caption(reading)
        pen.text((left + CELL // 2, top + HEAD + CELL), text, fill=colour, font=ImageFont.load_default(11), anchor="ma")


def caption(reading: Reading) -> tuple[str, str]:
    """What is written below a picture, and its colour."""
    if reading.digit is None:
        return "blank", WRONG if reading.sample.label is not None else RIGHT
    text = f"{reading.digit}  {reading.confidence:.0%}"
    if reading.sample.label is None:
        return text, WRONG if reading.accepted else RIGHT
    if reading.is_right:
        return text, RIGHT if reading.accepted else UNSURE
    return f"{reading.sample.label} as {text}", WRONG if reading.accepted else UNSURE


def thumbnail(file: bytes) -> Image.Image:
    """The picture as people see it, no side longer than a cell; a tiny one enlarged with its pixels kept apart."""
    picture: Image.Image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    if picture.mode not in ("L", "RGB", "RGBA", "P", "1"):  # 16 bits or floating point
        picture = Image.fromarray(decode(open_picture(file, MAX_PIXELS)))
    seen = Image.new("RGBA", picture.size, ImageColor.getrgb(NOTHING))
    seen.alpha_composite(picture.convert("RGBA"))
    shrinks = max(picture.size) > CELL
    return ImageOps.contain(
        seen.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS if shrinks else Image.Resampling.NEAREST
    )
