"""The version that is audited: its files, its graph as the service runs it, and its network with gradients."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from app.arrays import CLASSES
from app.inference.session import INPUT, Model
from app.repository.manifest import Graphs, Manifest, read_version
from training.datasets.mnist import Split
from training.errors import DataError
from training.networks.from_onnx import model_from_version

LOGITS = "logits"
STATISTICS_IMAGES = 2_000  # validation digits, on which the rebuilt network's batch normalisation is measured


@dataclass
class Subject:
    """A published version and the digits it is audited on."""

    folder: Path
    manifest: Manifest
    graphs: Graphs
    model: Model
    data: Split

    @classmethod
    def read(cls, folder: Path, data: Split) -> Subject:
        """Raises `ModelRefused` as the service would."""
        manifest, graphs = read_version(folder.resolve())
        return cls(folder, manifest, graphs, Model(graphs.float32, device="cpu"), data)

    @property
    def title(self) -> str:
        return f"{self.manifest.name}, version {self.manifest.version}"

    @functools.cached_property
    def network(self) -> keras.Model:
        """The Keras network with the graph's weights. Raises `DataError` if it cannot be rebuilt."""
        return model_from_version(self.folder, self.data.validation.images[:STATISTICS_IMAGES])

    def logits(self, images: Any) -> Any:
        """(n, 28, 28) -> (n, classes) of the digits, divided by the temperature, as the graph computes them.

        Raises `DataError` if the graph has no output `logits`, which serving does not need.
        """
        if LOGITS not in [output.name for output in self.model.session.get_outputs()]:
            raise DataError(f"the graph of {self.folder} has no output {LOGITS}")
        return self.model.session.run([LOGITS], {INPUT: images})[0][:, :CLASSES]


def differentiable(network: keras.Model, dtype: str) -> keras.Model:
    """The same network for pixels as floating-point numbers from 0 to 255, all of it in one precision.

    The networks read uint8, in which no gradient reaches the image, and compute in float32.
    """

    def convert(layer: Any) -> Any:
        settings = layer.get_config() | ({"dtype": dtype} if isinstance(layer, keras.Layer) else {})
        return type(layer).from_config(settings)

    pixels = keras.Input((28, 28), dtype=dtype, name="image")
    converted = keras.models.clone_model(network, input_tensors=pixels, clone_function=convert)
    converted.set_weights(network.get_weights())
    return converted
