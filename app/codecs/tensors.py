"""Tensors of numbers become the model's images, without cropping or inversion.

What a number means is decided by its datatype and by the request, never by the other images of the request: see
`SCALE_RULE`. An image that no digit could be seen on is refused, because models may accept it as a 1.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Images
from app.codecs.json_body import NUMBERS_AND_SPACE, LongArray
from app.errors import BlankPicture, InvalidRequest
from app.http.large_bodies import count, off_the_loop
from app.json_encoding import BYTE_ORDER_MARK
from app.observability.request_context import check_deadline

SHAPES = "[n, 28, 28], [n, 28, 28, 1], [n, 1, 28, 28] or [n, 784]"
IMAGE_SHAPES = {(28, 28), (28, 28, 1), (1, 28, 28), (784,)}
PIXELS = IMAGE_SIZE**2

Scale = Literal["unit", "byte"]
FULL_INK: dict[Scale, int] = {"unit": 1, "byte": 255}
OVERSHOOT = 0.25  # of full ink, below 0 or above it: bicubic interpolation of a digit from 28 to 56 pixels has 0.04
SCALE_RULE = (
    "Integers are from 0 (background) to 255 (ink). Floats are from 0 to 1 if no image has a number above 1, and from "
    "0 to 255 if every image has a number of 64 or more. All else is refused, unless the parameter scale says unit "
    "(0 to 1) or byte (0 to 255): then numbers up to a quarter of the scale outside it are clipped."
)

BLOCK = 256  # images of which the numbers are converted at once, in 64 bits

# Digits of MNIST have 26 pixels or more of this ink. Reduced to a maximum of 64, half of them are accepted and 5 % of
# those are wrong; below it most are accepted as a 1. A single pixel of full ink is accepted as a 1 too, by some models.
MIN_INK = 64  # of 255, above the lightest pixel
MIN_INK_PIXELS = 8
MIDDLE = slice(10 * IMAGE_SIZE, 18 * IMAGE_SIZE)  # rows that every digit in the middle crosses
# Of MNIST's digits, 4 pixels of the border are as dark at most; of inverted digits nearly all 108.
BORDER_INK = 128  # of 255
MAX_BORDER_INK = 97  # pixels


async def images_of(tensor: NDArray[Any], scale: Scale | None = None) -> Images:
    """As `to_images`, beside the event loop where it takes long."""
    return await off_the_loop(tensor.nbytes, to_images, tensor, scale)


def to_images(tensor: NDArray[Any], scale: Scale | None = None) -> Images:
    """Numbers of a shape in `SHAPES` -> (n, 28, 28). `scale`: as the client named it.

    Raises `InvalidRequest`, and `BlankPicture` for an image without ink.
    """
    check_shape(tensor.shape)
    numbers = tensor.reshape(len(tensor), PIXELS)
    is_ready = numbers.dtype == np.uint8 and scale != "unit"
    images = np.ascontiguousarray(numbers) if is_ready else convert(numbers, scale)
    check_ink(images)
    return images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)


def check_shape(shape: Sequence[int]) -> None:
    """Raises `InvalidRequest` unless it is one of `SHAPES` with at least one image."""
    if tuple(shape[1:]) not in IMAGE_SHAPES or shape[0] < 1:
        raise InvalidRequest(f"The shape {list(shape)[:8]} does not fit images: send {SHAPES}, with n at least 1.")


# --- the scale --------------------------------------------------------------------------------------------------------


def parse_scale(value: object) -> Scale | None:
    """The parameter `scale`; None if it is absent. Raises `InvalidRequest`."""
    if value is None or value in FULL_INK:
        return value
    raise InvalidRequest(f"The parameter 'scale' must be {' or '.join(get_args(Scale))}: from 0 to 1, or to 255.")


def convert(numbers: NDArray[Any], scale: Scale | None) -> NDArray[np.uint8]:
    """(n, 784) -> the same as bytes of ink, a block at a time."""
    lows, highs = numbers.min(axis=1), numbers.max(axis=1)
    check_range(lows, highs, scale)
    full_ink = FULL_INK[scale or find_scale(numbers.dtype, highs)]
    images = np.empty(numbers.shape, np.uint8)
    for start in range(0, len(numbers), BLOCK):
        check_deadline()
        ink = np.rint(numbers[start : start + BLOCK] * np.float64(255 / full_ink))
        images[start : start + BLOCK] = np.clip(ink, 0, 255, out=ink)
    return images


def check_range(lows: NDArray[Any], highs: NDArray[Any], scale: Scale | None) -> None:
    """Raises `InvalidRequest` for an image with a number that is too low, too high or NaN."""
    full_ink = FULL_INK[scale or "byte"]
    margin = full_ink * OVERSHOOT if scale else 0
    outside = ~((lows >= -margin) & (highs <= full_ink + margin))  # written so that NaN is outside too
    if outside.any():
        index = int(outside.argmax())
        raise InvalidRequest(
            f"Image {index} has a number outside of 0 (background) to {full_ink} (ink), or NaN: send integers from 0 "
            "to 255, or floats from 0 to 1 that were not normalized by a mean.",
            picture=index,
        )


def find_scale(dtype: np.dtype[Any], highs: NDArray[Any]) -> Scale:
    """By `SCALE_RULE`, from the greatest number of each image. Raises `InvalidRequest` if it does not decide."""
    if dtype.kind == "b":
        return "unit"
    if dtype.kind in "iu":
        return "byte"
    doubtful = (highs > 1) & (highs < MIN_INK)
    if doubtful.any():
        index = int(doubtful.argmax())
        raise ambiguous(f"its greatest number is {highs[index]:.9g}", index)
    unit = (highs > 0) & (highs <= 1)
    if unit.any() and (highs > 1).any():
        index = int(unit.argmax())
        raise ambiguous(f"its greatest number is {highs[index]:.9g}, that of another image is above 1", index)
    return "unit" if unit.any() else "byte"


def ambiguous(reason: str, index: int) -> InvalidRequest:
    return InvalidRequest(
        f"Whether image {index} is from 0 to 1 or from 0 to 255 cannot be known: {reason}. Send the parameter scale, "
        "unit (0 to 1) or byte (0 to 255), or integers from 0 to 255.",
        picture=index,
    )


# --- what no digit can be seen on -------------------------------------------------------------------------------------


def check_ink(images: NDArray[np.uint8]) -> None:
    """(n, 784). Raises `BlankPicture` or, for ink around a light digit, `InvalidRequest`; both with the image's index.

    In the common case, which takes 0.2 us for each image, the rows in the middle have enough ink and two corners none.
    """
    ink = (images[:, MIDDLE] >= MIN_INK).view(np.uint8)
    sums, corners = cv2.reduce(ink, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S), images[:, :: PIXELS - 1]
    if sums.min() < MIN_INK_PIXELS or corners.max() >= MIN_INK:
        doubtful = (sums[:, 0] < MIN_INK_PIXELS) | (corners.max(axis=1) >= MIN_INK)
        for index in np.flatnonzero(doubtful).tolist():
            check_image(images[index].reshape(IMAGE_SIZE, IMAGE_SIZE), index)


def check_image(image: NDArray[np.uint8], index: int) -> None:
    """(28, 28). Raises as `check_ink`."""
    ink = int(np.count_nonzero(image - image.min() >= MIN_INK))
    if ink < MIN_INK_PIXELS:
        hint = " Integers from 0 to 1 need the parameter scale=unit." if image.max() <= 1 and image.any() else ""
        raise BlankPicture(
            f"Image {index} is blank: {ink} of its pixels are ink, at least {MIN_INK} of 255 above the background. A "
            f"digit has {MIN_INK_PIXELS} or more.{hint}",
            picture=index,
        )
    border = np.concatenate((image[0], image[-1], image[1:-1, 0], image[1:-1, -1]))
    if np.count_nonzero(border >= BORDER_INK) > MAX_BORDER_INK:
        raise InvalidRequest(
            f"Image {index} is inverted: its border is ink. 0 is background and 255 ink: send 255 - x.",
            picture=index,
        )


# --- CSV --------------------------------------------------------------------------------------------------------------


NUMBER = re.compile(rb"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
MAX_NUMBER = 64  # characters
MAX_WHOLE = 2**16 - 1  # all above 255 are refused later


def parse_csv(body: bytes) -> NDArray[Any]:
    """784 numbers a line -> (n, 784), as SageMaker's CSVSerializer writes them.

    Integers if all are written as whole numbers, else floats. Raises `InvalidRequest`.
    """
    lines = body.removeprefix(BYTE_ORDER_MARK).strip().replace(b"\r\n", b"\n")
    if count(lines, b",") >= (PIXELS - 1) * (1 + count(lines, b"\n")):
        rows = b"[[%b]]" % lines.replace(b"\n", b"],[")
        with suppress(InvalidRequest):
            return LongArray(rows, slice(0, len(rows))).to_array()
    return parse_lines(body.removeprefix(BYTE_ORDER_MARK))


def parse_lines(body: bytes) -> NDArray[Any]:
    """As `parse_csv`, slower: takes +5, 005, 5. and "5" for numbers too, and says in which line something is wrong."""
    rows = []
    for number, line in enumerate(io.BytesIO(body), 1):
        if not line.isspace():
            check_deadline()
            text = line.rstrip(b", \t\r\n").strip(b'" \t')
            rows.append(parse_line(text.replace(b'","', b","), number))
    if not rows:
        raise not_csv("It is empty")
    return np.stack(rows)


def parse_line(line: bytes, number: int) -> NDArray[Any]:
    fields = line.split(b",", PIXELS)
    if len(line) > PIXELS * MAX_NUMBER or line.translate(None, NUMBERS_AND_SPACE + b","):
        raise no_number(fields, number)
    try:
        numbers = np.array(list(map(float, fields)))
    except ValueError as error:
        raise no_number(fields, number) from error
    if len(fields) != PIXELS:
        raise not_csv(f"Line {number} has {len(fields)} numbers")
    is_whole = line.translate(None, b"+, \t").isdigit()
    return numbers.clip(max=MAX_WHOLE).astype(np.uint16) if is_whole else numbers


def no_number(fields: list[bytes], line: int) -> InvalidRequest:
    for column, field in enumerate(fields, 1):
        if len(field) > MAX_NUMBER or not NUMBER.fullmatch(field):
            text = field[:20].decode("ascii", "replace")
            return not_csv(f"Line {line}, field {column} is {text!r}, which is no number")
    return not_csv(f"Line {line} is too long")


def not_csv(reason: str) -> InvalidRequest:
    return InvalidRequest(f"{reason}: the CSV must have 784 numbers a line, separated by commas, and no header.")
