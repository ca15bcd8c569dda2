"""The model card: what a version is, what it learned from, what it reaches and where it fails. Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from training.config import Distortion, TrainConfig
from training.evaluation.robustness import Outcome
from training.reporting.results import Findings, curves_note

OUTPUTS = """- Output `probabilities`: float32 `[batch, 10]`, calibrated. Output `logits`: float32 `[batch, 10]`,
  already divided by the temperature {temperature:.3f}, so that their softmax is `probabilities`."""
OUTPUTS_OF_ELEVEN = """- Output `probabilities`: float32 `[batch, 10]`, calibrated; what they lack to 1 is the
  probability that it is no digit. Output `logits`: float32 `[batch, 11]`, no digit last, already divided by the
  temperature {temperature:.3f}: the softmax of all eleven holds `probabilities`."""

DATA = """## Data

MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, under CC BY-SA 3.0: 55,000 digits to learn from,
5,000 to choose the epoch, the temperature and the threshold by, 10,000 test digits that chose nothing."""

PARTS = {
    "plain": "the digits as they are",
    "near": "the digits a little distorted",
    "sent": "the digits a little distorted, as drawings of any size that went through the pipeline that serves",
    "digits": "the digits much distorted",
    "pictures": "pictures of digits, letters, shapes, scribbles, textures, pieces of photos and several digits\n"
    "  at once, drawn with many pens, in fonts and on displays, on sheets, in forms and on photographs, small,\n"
    "  cropped, damaged or obscured, sent through the pipeline that serves",
}
TAUGHT = """\
Of the digits it learned what other networks said of them; of pictures of digits their labels, or half
these and half the word of those networks that know what is no digit; of other pictures that they are none."""

LIMITS = """## Limits

- MNIST's digits were written by American census employees and high-school students around 1990, one to a picture. How
  it reads the hands of other countries and ages is known from no more than the kinds of picture named above.
- Pen strokes, photos and damage were made by program out of MNIST's test digits: what a real phone or a real hand sends
  may be harder. Deliberate attack was not measured.
- What is the same shape as a digit (a circle, the letter l) is read as that digit.
- An image that is not prepared as described above (size, centre, ink bright on 0) is not what it learned.
- The figures are of one run with one seed; the intervals are of the finite number of pictures, not of other seeds."""


def card(findings: Findings) -> str:
    """The model card, as Markdown."""
    parts = [card_head(findings), card_data(findings.config), card_method(findings), card_figures(findings)]
    kinds = [card_kinds(findings.outcomes)] if findings.outcomes else []
    return "\n\n".join([*parts, *kinds, LIMITS]) + "\n"


def card_head(findings: Findings) -> str:
    kind = {"mlp": "a fully connected network (128-64-32)", "cnn": "a small convolutional network"}
    outputs = OUTPUTS_OF_ELEVEN if findings.config.options.rejects else OUTPUTS
    outputs = outputs.format(temperature=findings.exported.temperature)
    return f"""# {findings.title}

Reads one handwritten digit, 0 to 9: {kind[findings.config.arch]} as an ONNX graph.

- Input `image`: uint8 `[batch, 28, 28]` as in MNIST: 0 is paper, 255 is ink, the digit's longer side 20 pixels, its
  centre of mass in the middle. Scaling is in the graph.
{outputs}
- A digit counts as accepted from a confidence of {findings.exported.threshold}: 99.5 % of the validation
  digits reach it."""


def card_data(config: TrainConfig) -> str:
    if not config.bank:
        return DATA
    parts = "\n".join(f"- {PARTS[part.partition(':')[0]]}" for part in config.bank_parts)
    return f"{DATA}\n\nIt learned from a bank made of the 55,000 digits and of fonts:\n\n{parts}\n\n{TAUGHT}"


def card_method(findings: Findings) -> str:
    config = findings.config
    rows = "\n".join(f"| {name} | {value} |" for name, value in method(config))
    kept = "the last" if config.keep == "last" else "the one of least validation loss"
    taught = "the soft labels of a bank of pictures" if config.bank else "the digits' labels"
    return f"""## Method

Keras on TensorFlow, softmax cross-entropy with {taught}, {len(findings.history)} epochs; {kept} was kept.

| | |
|---|---|
{rows}

![Accuracy and loss of every epoch](curves.png)

{curves_note(config)}"""


def method(config: TrainConfig) -> list[tuple[str, str]]:
    options = config.options
    cosine = f"cosine after {config.warmup_epochs} epochs of warm-up"
    schedule = cosine if config.schedule == "cosine" else "constant"
    decay = f"{config.weight_decay:g}" if config.optimizer == "adamw" else "none"
    return [
        ("architecture", f"{config.arch}, {options.activation}"),
        ("batch normalisation", "yes" if options.batch_normalization else "no"),
        ("dropout; L2", f"{options.dropout:g}; {options.l2:g}"),
        ("optimiser", f"{config.optimizer}, rate {config.learning_rate:g}, {schedule}; weight decay {decay}"),
        ("batch size", str(config.batch_size)),
        ("label smoothing", f"{config.label_smoothing:g}"),
        ("parts of the bank", ", ".join(config.bank_parts) or "none"),
        ("average of the weights", f"momentum {config.ema_momentum:g}" if config.ema_momentum else "none"),
        ("begins with the weights of", config.start_from or "none"),
        ("is the mean of", ", ".join(config.mean_of) or "itself alone"),
        ("distortion", "the bank's" if config.bank else describe_distortion(config.distortion)),
        ("pixels", "standardised one by one" if config.standardise else "divided by 255"),
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
        f"shear ±{distortion.shear:g}, shift ±{distortion.shift:g} px, elastic of strength {strength} "
        f"and smoothness {smoothness} px, strokes thicker or thinner by up to {distortion.thickness:g} px, "
        f"a square of {100 * distortion.erased:g} % of the images erased"
    )


def card_figures(findings: Findings) -> str:
    found = findings.evaluation
    figures = "\n".join(f"| {name} | {value} |" for name, value in figures_of(findings))
    classes = "\n".join(
        f"| {digit} | {percent(found.precision[digit])} | {percent(found.recall[digit])} | {sum(row):,} |"
        for digit, row in enumerate(found.confusion)
    )
    return f"""## Figures

On {found.n:,} {findings.data} digits, read by the exported graph:

| | |
|---|---|
{figures}

| digit | precision | recall | digits |
|---|---:|---:|---:|
{classes}

![Confusion matrix](confusion.png)

![The misread digits](misread.png)

![Reliability diagram](reliability.png)"""


def figures_of(findings: Findings) -> list[tuple[str, str]]:
    found, exported = findings.evaluation, findings.exported
    low, high = found.interval
    sizes = " and ".join(map(str, exported.parity.batch_sizes))
    return [
        ("accuracy", f"**{percent(found.accuracy)}** (95 % interval {percent(low)} to {percent(high)})"),
        ("misread", f"{round(found.n * (1 - found.accuracy)):,}"),
        (f"expected calibration error, {len(found.reliability)} bins", f"{100 * found.calibration_error:.2f} points"),
        ("parameters", f"{exported.parameters:,}"),
        ("multiply-adds for one image", f"{exported.multiply_adds:,}"),
        ("size of `model.onnx`", f"{len(exported.graph):,} bytes"),
        (
            "largest difference of a probability from Keras",
            f"{exported.parity.max_abs_difference:.1e} ({exported.parity.data}; batches of {sizes})",
        ),
    ]


def card_kinds(outcomes: Sequence[Outcome]) -> str:
    digits = [
        kind_row(each, percent(each.calibration_error)) for each in outcomes if each.calibration_error is not None
    ]
    others = [kind_row(each, f"{each.auroc:.4f}") for each in outcomes if each.auroc is not None]
    about = "\n".join(f"- **{each.kind}**: {each.about}." for each in outcomes)
    return f"""## What it reads, kind by kind, and where it fails

Each picture is a file as people send it, read by the very code that serves. Training saw none of them, nor the fonts,
the writers and the photos they are made of. In the first table a picture counts as read rightly whatever the
confidence; in the second, of pictures that show no digit, as refused where the service accepts no digit, and AUROC is
of the confidence, MNIST's test digits against these pictures.

{table("digits", "read rightly", "calibration error", digits)}

{table("no digit", "refused", "AUROC", others)}

{about}

![Samples of every kind, with what was read](kinds.png)

Below each picture stands the digit read and its confidence: green is right, red is wrong and would have been accepted,
grey was not accepted."""


def table(kind: str, right: str, figure: str, rows: list[str]) -> str:
    head = f"| {kind} | pictures | {right} (95 % interval) | weakest | {figure} | accepted |"
    return "\n".join([head, "|---|---:|---:|---|---:|---:|", *rows])


def kind_row(outcome: Outcome, figure: str) -> str:
    low, high = outcome.interval
    right = f"{percent(outcome.right)} ({percent(low)} to {percent(high)})"
    weakest = f"{outcome.weakest}: {percent(outcome.variants[outcome.weakest])}"
    return f"| {outcome.kind} | {outcome.n:,} | {right} | {weakest} | {figure} | {percent(outcome.accepted)} |"


def percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"
