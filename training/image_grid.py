"""A grid of images with a caption below each, for people who look at what a network sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.arrays import IMAGE_SIZE, Images

COLUMNS = 16  # images in a row
SCALE = 2  # pixels of the grid for each of the image's
CAPTION_HEIGHT = 14  # pixels
CAPTION_FONT_SIZE = 11  # pixels
GAP = 4  # pixels, between images
CELL = SCALE * IMAGE_SIZE  # pixels


def draw_grid(images: Images, captions: Sequence[str]) -> Image.Image:
    """(n, 28, 28) -> a picture in grayscale, dark on light."""
    rows = max(1, -(-len(images) // COLUMNS))
    grid = Image.new("L", (GAP + COLUMNS * (CELL + GAP), GAP + rows * (CELL + CAPTION_HEIGHT + GAP)), 235)
    pen, font = ImageDraw.Draw(grid), ImageFont.load_default(CAPTION_FONT_SIZE)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, COLUMNS)
        left, top = GAP + column * (CELL + GAP), GAP + row * (CELL + CAPTION_HEIGHT + GAP)
        grid.paste(Image.fromarray(np.kron(255 - image, np.ones((SCALE, SCALE), np.uint8))), (left, top))
        pen.text((left + CELL // 2, top + CELL + 1), caption, fill=0, font=font, anchor="ma")
    return grid
