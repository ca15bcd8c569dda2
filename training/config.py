"""What a run is a function of: every choice that may be made, and the presets that were.

Nothing heavy is imported here, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted. Angles in degrees, lengths in pixels of the 28 x 28 image."""

    rotation: float = 12.0  # uniform in +-rotation
    scale: float = 0.12  # each axis by a factor uniform in 1 +- scale
    shear: float = 0.12  # horizontal, uniform in +-shear
    shift: float = 1.5  # each axis, uniform in +-shift
    elastic_alpha: tuple[float, float] = (15.0, 35.0)  # strength, drawn between the two
    elastic_sigma: tuple[float, float] = (4.0, 6.0)  # smoothness of the field, drawn between the two
    thickness: float = 0.0  # each side of a stroke grows or shrinks by up to this, uniform in +-thickness; at most 1
    erased: float = 0.0  # share of the images that lose a square


@dataclass(frozen=True)
class Options:
    """What a run may change about a network without making it another one."""

    activation: str = "relu"  # relu, sigmoid or tanh
    dropout: float = 0.0  # share of activations dropped in training
    batch_normalization: bool = False
    l2: float = 0.0  # penalty on the kernels
    rejects: bool = False  # an eleventh logit, for what is no digit


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on, beside the data. Stored with its results."""

    name: str = "digits"  # the name it is published under
    arch: str = "cnn"
    options: Options = field(default_factory=Options)
    seed: int = 0
    epochs: int = 60
    batch_size: int = 128
    optimizer: str = "adamw"  # adamw or adam
    learning_rate: float = 2e-3  # at its highest
    schedule: str = "cosine"  # cosine (after a warm-up) or constant
    warmup_epochs: int = 2
    weight_decay: float = 1e-4  # adamw only
    label_smoothing: float = 0.1
    bank: str = ""  # the folder of pictures to learn from instead of the training digits; it has its own labels
    bank_parts: tuple[str, ...] = ()  # its kinds of pictures and how often each comes, as near:40
    epoch_size: int = 100_000  # of a bank's pictures make an epoch
    moved: int = 1  # each of them is moved along each axis by so many pixels at most
    start_from: str = ""  # the run or published version whose weights it starts with; none: random ones
    mean_of: tuple[str, ...] = ()  # the runs whose weights' mean it is (`average`), itself the last of them
    ema_momentum: float = 0.999  # of the averaged weights; 0: none
    keep: str = "best"  # the epoch that becomes the model: best (the least validation loss) or last
    patience: int = 30  # epochs without a better validation loss before the run ends
    distortion: Distortion | None = field(default_factory=Distortion)
    standardise: bool = False  # per pixel, as the textbook does
    distribute: str = "none"  # none, mirrored (over this machine's GPUs) or multiworker (over TF_CONFIG's processes)
    mixed_precision: bool = False  # products in float16 on a GPU, in bfloat16 on a CPU

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        given: dict[str, Any] | None = values["distortion"]
        distortion = None if given is None else Distortion(**with_tuples(given))
        return cls(**{**with_tuples(values), "options": Options(**values["options"]), "distortion": distortion})


def with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


TEACHERS = tuple(f"models/digits/{version}/model.onnx" for version in (1, 3, 4, 5))

PRESETS = {
    # Learns from pictures of every kind, and of distorted digits what its teachers say rather than their labels.
    "digits": TrainConfig(
        options=Options(batch_normalization=True, dropout=0.2, rejects=True),
        epochs=80,
        batch_size=256,
        label_smoothing=0.0,
        bank="runs/bank",
        bank_parts=("digits:12", "near:40", "plain:8", "pictures:40"),
        keep="last",
        patience=80,
        distortion=None,
        mixed_precision=True,
    ),
    # Learns from the digits and their labels alone, distorted afresh each epoch: a first teacher, where there is none.
    # Without smoothing the loss grows while the mistakes get fewer, so the end of the schedule is kept, not its least.
    "digits-teacher": TrainConfig(
        name="digits-teacher",
        arch="cnn-wide",
        options=Options(batch_normalization=True, dropout=0.4),
        epochs=30,
        label_smoothing=0.0,
        keep="last",
    ),
    # What better networks say of slightly distorted digits, which are so many that they cannot be learnt by heart.
    "digits-mlp": TrainConfig(
        name="digits-mlp",
        arch="mlp",
        epochs=120,
        batch_size=512,
        label_smoothing=0.0,
        bank="runs/bank",
        bank_parts=("near:3", "sent:1"),
        epoch_size=500_000,
        moved=0,
        keep="last",
        patience=120,
        distortion=None,
    ),
    # What the tutorial does, repaired: plain Adam, ten epochs, no distortion, standardised pixels.
    "textbook": TrainConfig(
        name="digits-textbook",
        arch="mlp",
        epochs=10,
        batch_size=64,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        label_smoothing=0.0,
        keep="last",
        ema_momentum=0.0,
        distortion=None,
        standardise=True,
    ),
}
