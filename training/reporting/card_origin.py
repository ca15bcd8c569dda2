"""Of the model card: how a version was made, by which method, with which privacy, and by which steps of a recipe."""

from __future__ import annotations

from datetime import timedelta

from app.repository.manifest import Manifest, Parent
from training.config import Distortion, TrainConfig
from training.networks.architectures import widths_of
from training.privacy.record import PrivacyRecord
from training.reporting.markdown import format_table
from training.reporting.results import RunResults, curves_note


def describe_method(results: RunResults) -> str:
    config = results.config
    kept = "last epoch" if config.keep == "last" else "epoch with the smallest validation loss"
    targets = "the soft targets of the synthetic dataset" if config.bank else "the digits' labels"
    return f"""## Method

Keras on TensorFlow, softmax cross-entropy with {targets}.
{len(results.history)} epochs were trained; the {kept} was kept.

{format_table(method(config))}

![Accuracy and loss of every epoch](curves.png)

{curves_note(config)}"""


def describe_privacy(record: PrivacyRecord) -> str:
    """What the version guarantees, and to whom."""
    rows = [
        ("epsilon, delta", f"{record.epsilon:.4g}, {record.delta:g}"),
        ("protected", record.protected),
        ("neighbours", record.neighbours),
        ("clipping norm", f"{record.clipping_norm:g}"),
        ("noise multiplier", f"{record.noise_multiplier:.4g}"),
        ("sampling", f"{record.sampling}, with probability {record.sampling_probability:.4g}"),
        ("steps", f"{record.steps:,}"),
        ("accountant", f"{record.accountant}, version {record.accountant_version}"),
        ("not counted", record.not_counted),
    ]
    return f"""## Differential privacy

{format_table(rows)}"""


def describe_origin(manifest: Manifest) -> str:
    """The commit, the machine and the steps of the recipe."""
    text = f"""## How it was made

{format_table([("commit", manifest.commit or "unknown"), ("machine", manifest.machine or "unknown")])}"""
    if not manifest.recipe:
        return text
    rows = "\n".join(map(describe_parent, manifest.parents))
    return f"""{text}

By a recipe, which `manifest.json` has with the settings of each step and the digest of what it made:

| step | kind | from | sha256 | time | memory |
|---|---|---|---|---:|---:|
{rows}"""


def describe_parent(parent: Parent) -> str:
    memory = f"{parent.peak_bytes / 2**20:,.0f} MiB" if parent.peak_bytes else "unknown"
    inputs = ", ".join(parent.inputs) or "MNIST"
    time = timedelta(seconds=round(parent.seconds))
    return f"| {parent.name} | {parent.kind} | {inputs} | `{parent.sha256[:12]}` | {time} | {memory} |"


def method(config: TrainConfig) -> list[tuple[str, str]]:
    options = config.options
    cosine = f"cosine decay after {config.warmup_epochs} epochs of warm-up"
    schedule = cosine if config.schedule == "cosine" else "constant"
    weight_decay = f"{config.weight_decay:g}" if config.optimizer == "adamw" else "none"
    optimizer = f"{config.optimizer}, learning rate {config.learning_rate:g}, {schedule}; weight decay {weight_decay}"
    return [
        ("architecture", f"{config.arch}, {options.activation}"),
        ("channels of the layers but the last", ", ".join(map(str, widths_of(config)))),
        ("batch normalization", "yes" if options.batch_normalization else "no"),
        ("dropout; L2", f"{options.dropout:g}; {options.l2:g}"),
        ("optimizer", optimizer),
        ("batch size", str(config.batch_size)),
        ("label smoothing", f"{config.label_smoothing:g}"),
        ("parts of the synthetic dataset", ", ".join(config.bank_parts) or "none"),
        ("moving average of the weights", f"momentum {config.ema_momentum:g}" if config.ema_momentum else "none"),
        ("started from the weights of", config.start_from or "none"),
        ("mean of the weights of", ", ".join(config.mean_of) or "none"),
        ("distortion", "that of the synthetic dataset" if config.bank else describe_distortion(config.distortion)),
        ("pixels", "standardized one by one" if config.standardise else "divided by 255"),
        ("seed", str(config.seed)),
    ]


def describe_distortion(distortion: Distortion | None) -> str:
    if distortion is None:
        return "none"
    strength, smoothness = (
        f"{low:g} to {high:g}" for low, high in (distortion.elastic_alpha, distortion.elastic_sigma)
    )
    return (
        f"rotation ±{distortion.rotation:g}°, scale ±{100 * distortion.scale:g} %, "
        f"shear ±{distortion.shear:g}, shift ±{distortion.shift:g} px, elastic with strength {strength} "
        f"and smoothness {smoothness} px, strokes thicker or thinner by up to {distortion.thickness:g} px, "
        f"a square erased in {100 * distortion.erased:g} % of the images"
    )
