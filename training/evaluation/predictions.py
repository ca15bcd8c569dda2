"""What a graph predicts for many images."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from app.arrays import Images, Probabilities
from app.inference.session import Model


def run_in_batches(model: Model, images: Images, size: int) -> Probabilities:
    """(n, 28, 28) -> (n, classes), `size` images at a time, with a progress bar."""
    starts = tqdm(range(0, len(images), size), f"predicting in batches of {size}", unit="run", leave=False)
    return np.concatenate([model.run(images[start : start + size]) for start in starts])
