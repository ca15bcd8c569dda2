"""What a run is a function of: its configuration, and presets to start from.

Nothing slow is imported here, so that the command line shows its help at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def setting(default: Any, help: str, *, choices: Sequence[str] | None = None) -> Any:  # noqa: A002  # argparse's word
    """A field that is also an option of the command line, with its help there."""
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted. Angles are in degrees, lengths in pixels of the 28 x 28 image."""

    rotation: float = setting(12.0, "largest rotation, in degrees")
    scale: float = setting(0.12, "largest change of scale along each axis, as a share")
    shear: float = setting(0.12, "largest horizontal shear")
    shift: float = setting(1.5, "largest shift along each axis, in pixels")
    elastic_alpha: tuple[float, float] = setting((15.0, 35.0), "range of the elastic distortion's strength")
    elastic_sigma: tuple[float, float] = setting((4.0, 6.0), "range of the elastic distortion's smoothness, in pixels")
    thickness: float = setting(0.0, "how far each side of a stroke grows or shrinks at most, in pixels up to 1")
    erased: float = setting(0.0, "share of the images in which a square is erased")


@dataclass(frozen=True)
class Options:
    """What a run may change about an architecture."""

    activation: str = setting("relu", "activation function", choices=["relu", "sigmoid", "tanh"])
    dropout: float = setting(0.0, "share of the activations that are dropped in training")
    batch_normalization: bool = setting(False, "normalise each layer by the statistics of the batch")
    l2: float = setting(0.0, "L2 penalty on the kernels")
    rejects: bool = setting(False, "add an eleventh logit, for non-digits; needs the synthetic dataset")


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on besides the data. Stored with its results."""

    name: str = setting("digits", "name under which the model is published")
    arch: str = setting("cnn", "architecture", choices=["cnn", "cnn-wide", "mlp"])
    options: Options = field(default_factory=Options)
    seed: int = setting(0, "seed of the weights, the order and the distortions")
    epochs: int = setting(60, "number of epochs")
    batch_size: int = setting(128, "images in a batch")
    optimizer: str = setting("adamw", "optimizer", choices=["adamw", "adam"])
    learning_rate: float = setting(2e-3, "highest learning rate")
    schedule: str = setting(
        "cosine", "learning rate: cosine decay after a warm-up, or constant", choices=["cosine", "constant"]
    )
    warmup_epochs: int = setting(2, "epochs in which the learning rate rises (cosine only)")
    weight_decay: float = setting(1e-4, "weight decay (adamw only)")
    label_smoothing: float = setting(0.1, "share of each label that is spread over all classes")
    bank: str = setting("", "folder of the synthetic dataset; empty: learn from MNIST's digits and labels")
    bank_parts: tuple[str, ...] = setting((), "kinds of the synthetic dataset with their shares of a batch, as near:40")
    epoch_size: int = setting(100_000, "images in an epoch of the synthetic dataset")
    moved: int = setting(1, "pixels by which its images are shifted along each axis at most")
    start_from: str = setting("", "run or published version whose weights to start from; empty: random weights")
    mean_of: tuple[str, ...] = setting((), "runs whose mean the weights are; written by the command average")
    ema_momentum: float = setting(0.999, "momentum of the moving average of the weights; 0: no average")
    keep: str = setting(
        "best", "epoch to keep: the one with the least validation loss, or the last", choices=["best", "last"]
    )
    patience: int = setting(30, "epochs without a lower validation loss after which the run stops")
    distortion: Distortion | None = field(default_factory=Distortion)
    standardise: bool = setting(
        False, "normalise each pixel by its mean and deviation, as the textbook does (mlp only)"
    )
    distribute: str = setting(
        "none",
        "spread each step over this machine's GPUs (mirrored) or over the processes in TF_CONFIG (multiworker)",
        choices=["none", "mirrored", "multiworker"],
    )
    mixed_precision: bool = setting(False, "compute products in float16 on a GPU, in bfloat16 on a CPU")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The inverse of `to_dict`, after a round trip through JSON too."""
        distortion = None if values["distortion"] is None else Distortion(**with_tuples(values["distortion"]))
        return cls(**{**with_tuples(values), "options": Options(**values["options"]), "distortion": distortion})


def with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples in place of lists, since JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


# The default teachers are the versions in the repository. They themselves learnt from versions 1, 3, 4 and 5, which are
# in git's history: git show <revision>:models/digits/5/model.onnx > teacher.onnx, then --teachers teacher.onnx.
TEACHERS = tuple(f"models/digits/{version}/model.onnx" for version in (6, 7))

PRESETS = {
    # Distillation: pictures of every kind, and distorted digits with the soft targets of the teachers.
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
    # MNIST's digits and labels only, distorted anew each epoch: a first teacher, where there is none.
    # Without label smoothing the loss rises while the mistakes get fewer, so the last epoch is kept, not the best loss.
    "digits-teacher": TrainConfig(
        name="digits-teacher",
        arch="cnn-wide",
        options=Options(batch_normalization=True, dropout=0.4),
        epochs=30,
        label_smoothing=0.0,
        keep="last",
    ),
    # Distillation into a small network: slightly distorted digits, too many to be learnt by heart.
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
    # The tutorial's recipe, repaired: Adam, ten epochs, standardised pixels, no distortion.
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
