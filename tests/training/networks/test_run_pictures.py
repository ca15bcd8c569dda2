from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.networks.run_pictures import captions


def test_a_run_shows_the_data_seen_and_the_misread_digits(run: Path) -> None:
    events = EventAccumulator(str(run / "logs/pictures"))
    events.Reload()
    tags = events.Tags()["tensors"]
    assert any("data seen" in tag for tag in tags)
    assert any("misread validation digits" in tag for tag in tags)
    with Image.open(run / "seen.png") as seen:
        assert seen.size[0] > 16 * 56


def test_a_caption_is_the_largest_target_and_x_for_a_non_digit() -> None:
    targets = np.zeros((3, 11), np.float32)
    targets[0, 7] = 1
    targets[1, [3, 5]] = 0.25, 0.75
    targets[2, 10] = 1
    assert captions(targets, list("0123456789")) == ["7", "5: 75%", "x"]
