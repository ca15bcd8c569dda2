from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client

from training.datasets.mnist import Split
from training.networks.run_embedding import VECTORS_FILE, sprite, write_embedding


def test_the_projector_shows_each_validation_digit_with_its_label_and_picture(run: Path, data: Split) -> None:
    """Asked as its page asks TensorBoard's own plugin."""
    shown = min(1000, len(data.validation.images))
    events = EventMultiplexer()
    events.AddRunsFromDirectory(str(run / "logs"))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(run / "logs"))
    plugin = ProjectorPlugin(TBContext(logdir=str(run / "logs"), data_provider=provider))
    routes = plugin.get_plugin_apps()
    assert Client(routes["/runs"]).get("/").json == ["pictures"]
    query = {"run": "pictures", "name": "validation digits"}
    table = Client(routes["/metadata"]).get("/", query_string=query).text.splitlines()
    assert table[0] == "digit\tread as"
    assert [row[0] for row in table[1:]] == [str(label) for label in data.validation.labels[:shown]]
    vectors = Client(routes["/tensor"]).get("/", query_string=query).data
    assert np.isfinite(np.frombuffer(vectors, np.float32).reshape(shown, -1)).all()
    picture = Client(routes["/sprite_image"]).get("/", query_string=query)
    assert picture.data == (run / "logs/pictures/sprite.png").read_bytes()


def test_a_sprite_has_its_images_row_by_row_dark_on_light() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((5, 28, 28), np.uint8)
    picture = np.asarray(sprite(images))
    assert picture.shape == (84, 84)
    assert picture[::28, ::28].ravel().tolist() == [255, 254, 253, 252, 251, 255, 255, 255, 255]
    assert Image.fromarray(picture).mode == "L"


def test_vectors_of_half_precision_are_written_too(data: Split, tmp_path: Path) -> None:
    """Of bfloat16 in particular, in which a CPU computes with mixed precision."""
    image = keras.Input((28, 28))
    flat = keras.layers.Flatten(dtype="bfloat16")(image)
    model = keras.Model(image, keras.layers.Dense(10, dtype="float32")(flat))
    write_embedding(model, data.validation[:3], [str(label) for label in range(10)], tmp_path)
    rows = [row.split("\t") for row in (tmp_path / VECTORS_FILE).read_text().splitlines()]
    assert np.array(rows, np.float64).shape == (3, 784)
