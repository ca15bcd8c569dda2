"""NumPy's array files, as np.save writes them.

Source: numpy.lib.format, "Format Version 1.0" and "2.0".
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.codecs.form import media_type
from app.codecs.tensors import check_shape
from app.errors import InvalidRequest

CONTENT_TYPE = b"application/x-npy"
HEADER_PARSERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
HEADER_ERRORS = (ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


def is_npy(content_type: bytes, body: bytes) -> bool:
    return media_type(content_type) == CONTENT_TYPE or body.startswith(np.lib.format.MAGIC_PREFIX)


def decode_npy(body: bytes) -> NDArray[Any]:
    """An array of images, not copied. Raises `InvalidRequest`.

    np.load would allocate what the header says before it looks for the numbers, and might unpickle.
    """
    file = io.BytesIO(body)
    try:
        parse_header = HEADER_PARSERS[np.lib.format.read_magic(file)]
        with warnings.catch_warnings(action="ignore"):  # Python 2's files are as good
            shape, fortran_order, dtype = parse_header(file)
    except HEADER_ERRORS as error:
        raise InvalidRequest("The body is not a NumPy array file: write it with np.save.") from error
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InvalidRequest(f"The array's type is {dtype.str}: send integers or floats of at most 64 bits.")
    check_shape(shape)
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(body) - start:
        raise InvalidRequest(
            f"The array's header says {list(shape)} of {dtype.str}, which does not fit the {len(body) - start} bytes "
            "after it: write the array with np.save."
        )
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if fortran_order else "C")


def encode_npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
