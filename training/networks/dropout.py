"""Dropout whose random numbers are a function of a seed: Keras neither saves their state nor sets it back."""

from __future__ import annotations

import keras
import numpy as np


def seed_dropout(model: keras.Model, *seed: int) -> None:
    """Which activations are dropped from now on is a function of the seed."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            seeds = np.random.SeedSequence((*seed, number)).generate_state(2)
            layer.seed_generator.state.assign(seeds >> 1)  # TensorFlow's are signed
