"""Where a run's network places validation digits, for TensorBoard's projector: what its last layer tells apart.

The projector reads three files that `projector_config.pbtxt` names (https://www.tensorflow.org/tensorboard/
tensorboard_projector_plugin): a vector for each digit, a line of text, and a cell of the sprite, which shows the digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.metadata import PROJECTOR_FILENAME

from app.arrays import IMAGE_SIZE, Images
from training.datasets.mnist import Digits
from training.files import write_atomically

DIGITS = 1000  # shown at most: the sprite has 32 x 32 cells
VECTORS_FILE = "digits.tsv"
METADATA_FILE = "labels.tsv"
SPRITE_FILE = "sprite.png"
BATCH_SIZE = 500  # images


def write_embedding(model: keras.Model, digits: Digits, labels: Sequence[str], folder: Path) -> None:
    """Writes what the projector shows of the first digits: the inputs of the model's last dense layer."""
    folder.mkdir(parents=True, exist_ok=True)
    images = digits.images[:DIGITS]
    *_, last = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    vectors, logits = keras.Model(model.input, [last.input, model.output]).predict(
        images, batch_size=BATCH_SIZE, verbose=0
    )
    names = [*labels, "x"]
    rows = zip(digits.labels[:DIGITS], logits.argmax(axis=1), strict=True)
    table = "".join(f"{names[label]}\t{names[read]}\n" for label, read in rows)
    config = ProjectorConfig()
    shown = config.embeddings.add(
        tensor_name="validation digits", tensor_path=VECTORS_FILE, metadata_path=METADATA_FILE
    )
    shown.sprite.image_path = SPRITE_FILE
    shown.sprite.single_image_dim.extend([IMAGE_SIZE, IMAGE_SIZE])
    lines = ("\t".join(f"{value:.5g}" for value in vector) for vector in vectors.astype(np.float32))
    write_atomically("\n".join(lines) + "\n", folder / VECTORS_FILE)
    write_atomically(f"digit\tread as\n{table}", folder / METADATA_FILE)
    sprite(images).save(folder / SPRITE_FILE)
    write_atomically(str(config), folder / PROJECTOR_FILENAME)


def sprite(images: Images) -> Image.Image:
    """(n, 28, 28) -> a square of cells in the order of the images, dark on light; cells left over are white."""
    side = int(np.ceil(np.sqrt(len(images))))
    cells = np.full((side * side, IMAGE_SIZE, IMAGE_SIZE), 255, np.uint8)
    cells[: len(images)] = 255 - images
    rows = cells.reshape(side, side, IMAGE_SIZE, IMAGE_SIZE).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(side * IMAGE_SIZE, side * IMAGE_SIZE))
