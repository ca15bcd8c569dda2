"""What a run is a function of: its configuration, and presets to start from.

Nothing slow is imported here, so that the command line shows its help at once.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.arrays import CLASSES
from training.errors import ConfigError

# --- settings and their ranges ---


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`; without `high` itself if it is `below`."""

    low: float = -math.inf
    high: float = math.inf
    below: bool = False

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if self.high == math.inf:
            return "a number" if self.low == -math.inf else f"a number of at least {self.low:g}"
        return f"a number from {self.low:g} to {'below ' if self.below else ''}{self.high:g}"


ANY = Interval()
POSITIVE = Interval(low=0)
COUNT = Interval(low=1, high=2**31 - 1)
SHARE = Interval(low=0, high=1)
PROPER_SHARE = Interval(low=0, high=1, below=True)

TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}


def setting(
    default: Any,
    help: str,  # noqa: A002  # argparse's word
    *,
    choices: Sequence[str] | None = None,
    interval: Interval = ANY,
) -> Any:
    """A field that is also an option of the command line, with its help there."""
    return field(default=default, metadata={"help": help, "choices": choices, "interval": interval})


@dataclass(frozen=True)
class Settings:
    """Values that are checked when they are made, from options, from a file or in a program."""

    def __post_init__(self) -> None:
        """Raises `ConfigError` if a setting has another type than it should, or is out of its range."""
        for setting in dataclasses.fields(self):
            if setting.metadata:
                check_setting(setting, getattr(self, setting.name))


def check_setting(field_: dataclasses.Field[Any], value: Any) -> None:
    """Raises `ConfigError`."""
    flag, type_ = "--" + field_.name.replace("_", "-"), str(field_.type)
    element_type = type_.removeprefix("tuple[").partition(",")[0]
    elements = value if type_.startswith("tuple[") else (value,)
    wrong = not isinstance(elements, tuple) or (type_ == "tuple[float, float]" and len(elements) != 2)
    for element in () if wrong else elements:
        wrong |= not isinstance(element, TYPES[element_type]) or (element_type != "bool" and isinstance(element, bool))
    if wrong:
        raise ConfigError(f"{flag} {value!r}: this is no {type_}")
    if element_type in ("int", "float") and not all(element in field_.metadata["interval"] for element in elements):
        raise ConfigError(f"{flag} {value}: give {field_.metadata['interval']}")
    if type_ == "tuple[float, float]" and value[0] > value[1]:
        raise ConfigError(f"{flag} {value}: the first number is the lower one")
    if field_.metadata["choices"] and value not in field_.metadata["choices"]:
        raise ConfigError(f"{flag} {value}: choose from {', '.join(field_.metadata['choices'])}")


# --- the configuration ---


@dataclass(frozen=True)
class Distortion(Settings):
    """How far images are distorted. Angles are in degrees, lengths in pixels of the 28 x 28 image."""

    rotation: float = setting(12.0, "largest rotation, in degrees", interval=Interval(0, 180))
    scale: float = setting(0.12, "largest change of scale along each axis, as a share", interval=PROPER_SHARE)
    shear: float = setting(0.12, "largest horizontal shear", interval=POSITIVE)
    shift: float = setting(1.5, "largest shift along each axis, in pixels", interval=POSITIVE)
    elastic_alpha: tuple[float, float] = setting(
        (15.0, 35.0), "range of the elastic distortion's strength", interval=POSITIVE
    )
    elastic_sigma: tuple[float, float] = setting(
        (4.0, 6.0), "range of the elastic distortion's smoothness, in pixels", interval=Interval(low=0.1)
    )
    thickness: float = setting(
        0.0, "how far each side of a stroke grows or shrinks at most, in pixels up to 1", interval=SHARE
    )
    erased: float = setting(0.0, "share of the images in which a square is erased", interval=SHARE)


@dataclass(frozen=True)
class Options(Settings):
    """What a run may change about an architecture."""

    activation: str = setting("relu", "activation function", choices=["relu", "sigmoid", "tanh"])
    dropout: float = setting(0.0, "share of the activations that are dropped in training", interval=PROPER_SHARE)
    batch_normalization: bool = setting(False, "normalise each layer by the statistics of the batch")
    l2: float = setting(0.0, "L2 penalty on the kernels", interval=POSITIVE)
    widths: tuple[int, ...] = setting((), "channels of each layer but the last; empty: the usual ones", interval=COUNT)
    rejects: bool = setting(False, "add a logit for pictures that show none of the labels; needs the synthetic dataset")


@dataclass(frozen=True)
class Federation(Settings):
    """Who trains on which digits, and how a server makes one network of what they have learnt."""

    clients: int = setting(10, "number of clients, among whom MNIST's training digits are divided", interval=COUNT)
    partition: str = setting("even", "which digits each client has", choices=["even", "dirichlet", "classes"])
    alpha: float = setting(0.5, "how alike the clients' classes are (dirichlet only)", interval=Interval(0.01, 1000))
    classes_per_client: int = setting(2, "classes that each client has digits of (classes only)", interval=COUNT)
    min_digits: int = setting(10, "digits that each client has at least", interval=COUNT)
    partition_seed: int = setting(0, "seed of the partition", interval=Interval(0, 2**32 - 1))
    sampled: int = setting(0, "clients that train in a round, drawn at random; 0: all", interval=Interval(0, 2**31 - 1))
    local_steps: int = setting(32, "batches that each client learns from in a round", interval=COUNT)
    local_momentum: float = setting(0.9, "momentum of the clients' gradient descent", interval=PROPER_SHARE)
    local_loss: str = setting(
        "plain", "clients' loss: cross-entropy, or adjusted to the classes they have", choices=["plain", "adjusted"]
    )
    absent: float = setting(
        0.01, "share that a class counts with where a client has none of it (adjusted only)", interval=PROPER_SHARE
    )
    proximal: float = setting(0.0, "pull of the clients' weights to the server's (FedProx)", interval=POSITIVE)
    strategy: str = setting(
        "fedavg",
        "server: the mean of the clients' weights, or a step along their mean change with momentum",
        choices=["fedavg", "fedavgm"],
    )
    server_momentum: float = setting(0.9, "momentum of the server (fedavgm only)", interval=PROPER_SHARE)
    server_rate: float = setting(1.0, "learning rate of the server (fedavgm only)", interval=POSITIVE)
    clip: float = setting(0.0, "largest L2 norm of a client's change; 0: not clipped", interval=POSITIVE)
    noise_multiplier: float = setting(
        0.0, "noise of the server on the sum of the changes, in units of --clip; 0: none", interval=POSITIVE
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampled > self.clients:
            raise ConfigError(f"--sampled {self.sampled}: there are only {self.clients} clients")
        if self.noise_multiplier and not self.clip:
            raise ConfigError("--noise-multiplier: noise hides a client only if its change is bounded: give --clip")


@dataclass(frozen=True)
class Privacy(Settings):
    """What a private run may give away about any one training digit, and how its gradients are bounded."""

    epsilon: float = setting(3.0, "privacy budget of a private run", interval=Interval(low=1e-3, high=100))
    delta: float = setting(1e-5, "probability with which a private run may exceed it", interval=Interval(1e-15, 0.1))
    clipping_norm: float = setting(
        1.0, "largest norm of one digit's gradient in a private run", interval=Interval(low=1e-6)
    )
    distorted_copies: int = setting(
        4, "copies of a digit whose mean gradient is clipped, where a private run distorts", interval=COUNT
    )


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Everything a run depends on besides the data. Stored with its results."""

    name: str = setting("digits", "name under which the model is published")
    labels: tuple[str, ...] = setting(
        tuple(map(str, range(CLASSES))), "what the classes are called, in the order of the targets"
    )
    arch: str = setting("cnn", "architecture")
    options: Options = field(default_factory=Options)
    seed: int = setting(0, "seed of the weights, the order and the distortions", interval=Interval(0, 2**32 - 1))
    epochs: int = setting(60, "number of epochs", interval=Interval(1, 9999))
    batch_size: int = setting(128, "images in a batch: of all devices and workers together", interval=COUNT)
    optimizer: str = setting("adamw", "optimizer", choices=["adamw", "adam", "sgd"])
    learning_rate: float = setting(2e-3, "highest learning rate", interval=POSITIVE)
    schedule: str = setting(
        "cosine", "learning rate: cosine decay after a warm-up, or constant", choices=["cosine", "constant"]
    )
    warmup_epochs: int = setting(2, "epochs in which the learning rate rises (cosine only)", interval=POSITIVE)
    weight_decay: float = setting(1e-4, "weight decay (adamw only)", interval=POSITIVE)
    label_smoothing: float = setting(0.1, "share of each label that is spread over all classes", interval=PROPER_SHARE)
    bank: str = setting("", "folder of the synthetic dataset; empty: learn from MNIST's digits and labels")
    bank_parts: tuple[str, ...] = setting((), "kinds of the synthetic dataset with their shares of a batch, as near:40")
    epoch_size: int = setting(100_000, "images in an epoch of the synthetic dataset", interval=COUNT)
    moved: int = setting(1, "pixels by which its images are shifted along each axis at most", interval=Interval(0, 14))
    start_from: str = setting("", "run or published version whose weights to start from; empty: random weights")
    own_pictures: str = setting("", "folder of own pictures that the version is adapted to; written by --with")
    mean_of: tuple[str, ...] = setting((), "runs whose mean the weights are; written by the command average")
    ema_momentum: float = setting(
        0.999, "momentum of the moving average of the weights; 0: no average", interval=PROPER_SHARE
    )
    keep: str = setting(
        "best", "epoch to keep: the one with the least validation loss, or the last", choices=["best", "last"]
    )
    patience: int = setting(30, "epochs without a lower validation loss after which the run stops", interval=COUNT)
    distortion: Distortion | None = field(default_factory=Distortion)
    standardise: bool = setting(
        False, "normalise each pixel by its mean and deviation, as the textbook does (mlp only)"
    )
    distribute: str = setting(
        "none",
        "spread each batch over this machine's GPUs (mirrored) or over the processes in TF_CONFIG (multiworker)",
        choices=["none", "mirrored", "multiworker"],
    )
    mixed_precision: bool = setting(False, "compute products in float16 on a GPU, in bfloat16 on a CPU")
    federated: Federation | None = None  # an epoch is a round of it
    privacy: Privacy | None = None
    fold: str = setting("", "part of MNIST's training digits to leave out, as 2/5 the second fifth; empty: none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.name):
            raise ConfigError(f"--name {self.name!r}: it becomes a folder; use letters, digits, points, _ and -")
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise ConfigError(f"--labels {' '.join(self.labels)}: give at least two, each once")
        if self.bank and not self.bank_parts:
            raise ConfigError("--bank-parts: say which kinds of the synthetic dataset to learn from, as near:40")
        self.bank_shares()
        self.left_out_fold()

    @property
    def outputs(self) -> int:
        """The number of logits: one for each label, and one more if the network rejects."""
        return len(self.labels) + self.options.rejects

    @property
    def is_private(self) -> bool:
        """Whether the run guarantees differential privacy: to each digit, or to each client of a federated training."""
        return self.privacy is not None or (self.federated is not None and self.federated.noise_multiplier > 0)

    def bank_shares(self) -> dict[str, float]:
        """The share of each kind of the synthetic dataset. Raises `ConfigError`."""
        shares: dict[str, float] = {}
        for part in self.bank_parts:
            kind, _, share = part.partition(":")
            if not (kind and re.fullmatch(r"\d+(\.\d+)?", share) and float(share) > 0) or kind in shares:
                raise ConfigError(f"--bank-parts {part}: give each kind once with a share above 0, as near:40")
            shares[kind] = float(share)
        return shares

    def left_out_fold(self) -> tuple[int, int] | None:
        """The number of the fold that is left out, from 1, and of all folds. Raises `ConfigError`."""
        if not self.fold:
            return None
        match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", self.fold)
        number, folds = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= folds or folds == 1:
            raise ConfigError(f"--fold {self.fold}: give the fold and the number of folds, as 2/5")
        if self.bank:
            raise ConfigError("--fold: it has no effect on the synthetic dataset (--bank)")
        return number, folds

    def flat(self) -> dict[str, Any]:
        """All settings by name, those of the options and of the distortion too."""
        values = dataclasses.asdict(self)
        parts = {**values.pop("options"), **(values["distortion"] or {}), **(values["privacy"] or {})}
        return {**values, **parts, "distortion": bool(self.distortion), "privacy": bool(self.privacy)}

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The inverse of `to_dict`, after a round trip through JSON too. Raises `ConfigError`.

        Settings that are missing, as those that came after an older version was trained, have their defaults.
        """
        if not {"options", "distortion"} <= set(values):
            raise ConfigError("it lacks options or distortion")
        optional = {"distortion": Distortion, "federated": Federation, "privacy": Privacy}
        parts = {name: from_values(optional[name], values[name]) for name in optional if values.get(name) is not None}
        options = from_values(Options, values["options"])
        config: TrainConfig = from_values(cls, {**values, **parts, "options": options})
        return config


def from_values(part: type[Any], values: Any) -> Any:
    """Raises `ConfigError` for names that `part` does not have. Lists become tuples, since JSON has no tuples."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{values!r} is no table of settings")
    unknown = set(values) - {setting.name for setting in dataclasses.fields(part)}
    if unknown:
        raise ConfigError(f"there is no setting {', '.join(sorted(map(str, unknown)))}")
    return part(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
