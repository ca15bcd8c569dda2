"""The weights of what is measured of a line's signs and counted in its text.

The weighted sum over a path is the logarithm of its reading's probability, up to a constant of the line: a log-linear
model, as a conditional random field is (Lafferty, McCallum and Pereira, 2001). `python -m training decoder` fits them,
and sets those of spaces, dates and fractions, which were found on development lines of other hands than it writes.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.segmentation.decoding.grammar import COUNTED
from app.segmentation.decoding.lattice import MEASURES


class Weights(NamedTuple):
    signs: NDArray[np.float64]  # (MEASURES,)
    text: NDArray[np.float64]  # (COUNTED,)


@functools.cache
def fitted_weights() -> Weights:
    """Those that come with the service."""
    document = json.loads(Path(__file__).with_name("weights.json").read_text())
    return Weights(
        np.array([document["signs"][name] for name in MEASURES], np.float64),
        np.array([document["text"][name] for name in COUNTED], np.float64),
    )


def to_json(weights: Weights) -> str:
    signs, text = (
        {name: round(weight, 3) for name, weight in zip(names, values.tolist(), strict=True)}
        for names, values in ((MEASURES, weights.signs), (COUNTED, weights.text))
    )
    return json.dumps({"signs": signs, "text": text}, indent=2) + "\n"
