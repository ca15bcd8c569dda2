"""The model card: what a version is, what it was trained on, how well it does and where it fails, as Markdown.

Source: Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.repository.manifest import Manifest
from training.adaptation.outcome import Outcome
from training.evaluation.robustness import RobustnessResult
from training.networks.architectures import ARCHITECTURES
from training.reporting.card_origin import describe_method, describe_origin, describe_privacy
from training.reporting.contact_sheet import FILE as CONTACT_SHEET_FILE
from training.reporting.markdown import format_table, percent
from training.reporting.results import Replaced, RunResults
from training.runs import SEEN_FILE

OUTPUTS = """\
- Output `probabilities`: float32 `[batch, {classes}]`, calibrated.
- Output `logits`: float32 `[batch, {classes}]`, divided by the temperature {temperature:.3f}; `probabilities` is
  their softmax."""
OUTPUTS_WITH_NON_DIGITS = """\
- Output `probabilities`: float32 `[batch, {classes}]`, calibrated. The remainder to 1 is the probability that the
  picture is not a digit.
- Output `logits`: float32 `[batch, {outputs}]`, the last one for non-digits, divided by the temperature
  {temperature:.3f}. The first {classes} values of their softmax are `probabilities`."""

DATA = """## Data

MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, under CC BY-SA 3.0: 55,000 digits for training,
5,000 to choose the epoch, the temperature and the threshold, and 10,000 test digits for evaluation only."""

DATASET_PARTS = {
    "plain": "the digits unchanged",
    "near": "the digits slightly distorted",
    "sent": "the digits slightly distorted, rendered as drawings of any size, and preprocessed as in serving",
    "digits": "the digits strongly distorted",
    "own": "a user's own pictures, slightly distorted, with their labels",
    "validation": "pictures like those below, of the validation digits and of other fonts and photos",
    "pictures": "pictures of digits, letters, shapes, scribbles, textures, pieces of photos and several digits at\n"
    "  once: drawn with many pens, in fonts and on displays; on sheets, in forms and on photographs; small, cropped,\n"
    "  damaged or obscured; preprocessed as in serving",
}
TARGETS = """\
The soft targets of the digits are predictions of other networks (distillation). The target of a picture of a digit is
its label, or half its label and half the prediction of those networks that were trained on non-digits. The target of
every other picture is "not a digit"."""

SEEN = f"""\
![Images of the first batch with their targets]({SEEN_FILE})

Images of the first batch. Below each is the label with the largest target, and that target if it is not 1; x stands for
"not a digit"."""

LIMITS = """## Limits

- MNIST's digits were written by American census employees and high-school students around 1990, one to a picture. For
  the handwriting of other countries and ages there are no figures beyond those above.
- Pen strokes, photos and corruptions are simulated with MNIST's test digits: real phones and real handwriting may be
  harder. Adversarial attacks were not measured.
- A picture with the shape of a digit (a circle, the letter l) is read as that digit.
- The model expects images prepared as described above (size, centre, light ink on 0). It was not trained on others.
- The figures are of one run with one seed. The intervals account for the number of pictures, not for other seeds."""


def model_card(results: RunResults, manifest: Manifest | None = None) -> str:
    """The whole card; of a version with its manifest, which says what it was made from."""
    sections = [describe_model(results), describe_data(results), describe_method(results)]
    if results.privacy:
        sections.append(describe_privacy(results.privacy))
    if manifest:
        sections.append(describe_origin(manifest))
    sections.append(describe_accuracy(results))
    if results.adaptation:
        sections.append(describe_adaptation(results.adaptation, results.config.start_from))
    if results.replaced:
        sections.append(describe_replaced(results, results.replaced))
    if results.robustness:
        sections.append(describe_robustness(results.robustness))
    return "\n\n".join([*sections, LIMITS]) + "\n"


def describe_model(results: RunResults) -> str:
    config, calibration = results.config, results.exported.calibration
    template = OUTPUTS_WITH_NON_DIGITS if config.options.rejects else OUTPUTS
    outputs = template.format(temperature=calibration.temperature, classes=len(config.labels), outputs=config.outputs)
    return f"""# {results.title}

Reads one handwritten digit, 0 to 9: {ARCHITECTURES[config.arch].description} as an ONNX graph.

- Input `image`: uint8 `[batch, 28, 28]` in MNIST's geometry: 0 is paper, 255 is ink, the longer side of the digit is
  20 pixels, its centre of mass is in the middle. The graph scales the values itself.
{outputs}
- Temperature and threshold were chosen on {calibration.data}. A digit is
  accepted if its confidence is at least {calibration.threshold}."""


def describe_data(results: RunResults) -> str:
    seen = [SEEN] if results.seen else []
    shares = results.config.bank_shares()
    if not results.config.bank:
        return "\n\n".join([DATA, *seen])
    parts = "\n".join(f"- {DATASET_PARTS.get(kind, f'the kind {kind}')}" for kind in shares)
    made = f"The synthetic dataset was made of the 55,000 digits and of fonts:\n\n{parts}"
    return "\n\n".join([DATA, made, TARGETS, *seen])


def describe_accuracy(results: RunResults) -> str:
    evaluation = results.evaluation
    rows = zip(results.config.labels, evaluation.precision, evaluation.recall, evaluation.confusion, strict=True)
    classes = "\n".join(
        f"| {label} | {percent(precision)} | {percent(recall)} | {sum(row):,} |"
        for label, precision, recall, row in rows
    )
    return f"""## Figures

On {evaluation.n:,} {results.data_name} digits, read by the exported graph:

{format_table(figures(results))}

| digit | precision | recall | digits |
|---|---:|---:|---:|
{classes}

![Confusion matrix](confusion.png)

![The misread digits](misread.png)

![Reliability diagram](reliability.png)"""


def figures(results: RunResults) -> list[tuple[str, str]]:
    evaluation, exported = results.evaluation, results.exported
    low, high = map(percent, evaluation.interval)
    bins, error = len(evaluation.reliability), 100 * evaluation.calibration_error
    parity = exported.parity
    batch_sizes = " and ".join(map(str, parity.batch_sizes))
    return [
        ("accuracy", f"**{percent(evaluation.accuracy)}** (95 % confidence interval {low} to {high})"),
        ("misread", f"{round(evaluation.n * (1 - evaluation.accuracy)):,}"),
        (f"expected calibration error, {bins} bins", f"{error:.2f} percentage points"),
        ("parameters", f"{exported.parameters:,}"),
        ("multiply-adds for one image", f"{exported.multiply_adds:,}"),
        ("size of `model.onnx`", f"{len(exported.graph):,} bytes"),
        (
            "largest difference of a probability from Keras",
            f"{parity.max_abs_difference:.1e} ({parity.data}; batches of {batch_sizes})",
        ),
    ]


def describe_adaptation(outcome: Outcome, start: str) -> str:
    rows = "\n".join(
        f"| {row.data} | {row.n:,} | {percent(row.before / row.n)} | {percent(row.after / row.n)} | {row.gained} | "
        f"{row.lost} |"
        for row in (outcome.own, *outcome.others)
    )
    return f"""## Adaptation

The version {start} was adapted to a user's own pictures. Each of them is read here by a network that did not learn from
it. A picture without a digit is read correctly if it is refused.

| pictures | number | correct before | after | gained | lost |
|---|---:|---:|---:|---:|---:|
{rows}"""


def describe_replaced(results: RunResults, replaced: Replaced) -> str:
    """The same pictures before and after; the figures of the test sets are those that both manifests have."""
    before, test = replaced.manifest, replaced.test
    figures = {metric.data: metric.value for metric in before.metrics if metric.name in ("accuracy", "share_refused")}
    rows = [f"| {results.data_name} digits | {percent(replaced.accuracy)} | {percent(results.evaluation.accuracy)} |"]
    rows += [
        f"| {result.test_set} | {percent(figures[data])} | {percent(result.correct)} |"
        for result in results.robustness
        if (data := f"{result.test_set}, {result.n:,} pictures") in figures
    ]
    table = "\n".join(rows)
    return f"""## Compared with version {before.version}

Of the {results.data_name} digits, {test.only_first} were read correctly by version {before.version} only and
{test.only_second} by this one only (McNemar's exact test: p = {test.p:.3f}). Digits read correctly, non-digits refused:

| | version {before.version} | this version |
|---|---:|---:|
{table}"""


def describe_robustness(results: Sequence[RobustnessResult]) -> str:
    digits, non_digits = [], []
    for result in results:
        if result.calibration_error is not None:
            digits.append(robustness_row(result, percent(result.calibration_error)))
        if result.auroc is not None:
            non_digits.append(robustness_row(result, f"{result.auroc:.4f}"))
    descriptions = "\n".join(f"- **{result.test_set}**: {result.description}." for result in results)
    return f"""## Robustness: what it reads, and where it fails

Each picture is a file as clients send it, read by the code that serves. Training used none of these pictures, and none
of the fonts and photos in them; of the writers of pen trajectories it used other digits. In the first table a picture
is read correctly if the digit is right, whatever its confidence. The second table is of out-of-distribution pictures,
which show no digit: a picture is refused if the service accepts no digit in it. AUROC is that of the confidence,
MNIST's test digits against these pictures.

{robustness_table("digits", "read correctly", "calibration error", digits)}

{robustness_table("non-digits", "refused", "AUROC", non_digits)}

{descriptions}

![Samples of every test set with their predictions]({CONTACT_SHEET_FILE})

Below each picture are the predicted digit and its confidence. Green: correct, or a non-digit that was refused. Red:
wrong and accepted. Grey: a digit that was not accepted."""


def robustness_table(title: str, correct: str, figure: str, rows: list[str]) -> str:
    header = f"| {title} | pictures | {correct} (95 % interval) | weakest variant | {figure} | accepted |"
    return "\n".join([header, "|---|---:|---:|---|---:|---:|", *rows])


def robustness_row(result: RobustnessResult, figure: str) -> str:
    low, high = result.interval
    correct = f"{percent(result.correct)} ({percent(low)} to {percent(high)})"
    weakest = f"{result.weakest}: {percent(result.variants[result.weakest])}"
    return f"| {result.test_set} | {result.n:,} | {correct} | {weakest} | {figure} | {percent(result.accepted)} |"
