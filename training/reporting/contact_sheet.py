"""A contact sheet: sample pictures of every test set with their predictions."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from app.preprocessing.decode import decode, open_picture
from training.evaluation.robustness import MAX_PIXELS, SAMPLES_SHOWN, PictureResult, RobustnessResult

FILE = "kinds.png"

CELL = 72  # pixels, the side of a picture
CAPTION_HEIGHT = 15  # pixels, below a picture
TITLE_HEIGHT = 20  # pixels, above a row
GAP = 6  # pixels, between pictures
WIDTH = GAP + SAMPLES_SHOWN * (CELL + GAP)  # pixels
TITLE_FONT_SIZE = 13  # pixels
CAPTION_FONT_SIZE = 11  # pixels
PALETTE_SIZE = 256  # colours of the file: a third of the bytes of full colour

BACKGROUND = "#eceef1"
TEXT = "#202226"
CORRECT = "#1b7f3b"  # green
WRONG = "#c62828"  # red
NOT_ACCEPTED = "#7a7f87"  # grey
TRANSPARENT = "#f6c9d4"  # shown behind transparent pictures


def draw_contact_sheet(results: Sequence[RobustnessResult]) -> bytes:
    """A PNG with a row for each test set; below each picture are the predicted digit and its confidence.

    Green: correct, or a non-digit that was refused. Red: wrong and accepted. Grey: a digit that was not accepted.
    """
    row_height = TITLE_HEIGHT + CELL + CAPTION_HEIGHT + GAP
    sheet = Image.new("RGB", (WIDTH, row_height * len(results) + GAP), BACKGROUND)
    for number, result in enumerate(results):
        draw_row(sheet, number * row_height + GAP, result)
    buffer = io.BytesIO()
    sheet.quantize(PALETTE_SIZE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def draw_row(sheet: Image.Image, top: int, result: RobustnessResult) -> None:
    pen = ImageDraw.Draw(sheet)
    verb = "read correctly" if result.auroc is None else "refused"
    title_font, caption_font = ImageFont.load_default(TITLE_FONT_SIZE), ImageFont.load_default(CAPTION_FONT_SIZE)
    pen.text((GAP, top), f"{result.test_set}: {result.correct:.1%} {verb}", fill=TEXT, font=title_font)
    for number, picture in enumerate(result.shown):
        left = GAP + number * (CELL + GAP)
        small = thumbnail(picture.sample.file)
        sheet.paste(small, (left + (CELL - small.width) // 2, top + TITLE_HEIGHT + (CELL - small.height) // 2))
        text, colour = caption(picture)
        pen.text((left + CELL // 2, top + TITLE_HEIGHT + CELL), text, fill=colour, font=caption_font, anchor="ma")


def caption(picture: PictureResult) -> tuple[str, str]:
    """The text below a picture and its colour."""
    label = picture.sample.label
    if picture.digit is None:
        return "blank", CORRECT if label is None else WRONG
    text = f"{picture.digit}  {picture.confidence:.0%}"
    if label is None:
        return text, WRONG if picture.accepted else CORRECT
    if picture.is_correct:
        return text, CORRECT if picture.accepted else NOT_ACCEPTED
    return f"{label} as {text}", WRONG if picture.accepted else NOT_ACCEPTED


def thumbnail(file: bytes) -> Image.Image:
    """The picture with its longer side resized to a cell, small ones without interpolation."""
    picture: Image.Image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    if picture.mode not in ("L", "RGB", "RGBA", "P", "1"):  # 16 bits or floating point
        picture = Image.fromarray(decode(open_picture(file, MAX_PIXELS)))
    opaque = Image.new("RGBA", picture.size, ImageColor.getrgb(TRANSPARENT))
    opaque.alpha_composite(picture.convert("RGBA"))
    resampling = Image.Resampling.LANCZOS if max(picture.size) > CELL else Image.Resampling.NEAREST
    return ImageOps.contain(opaque.convert("RGB"), (CELL, CELL), resampling)
