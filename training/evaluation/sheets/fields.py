"""The share of a form's fields that are read exactly, on scans and photographs of forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from app.arrays import CLASSES
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.fields.form_reader import FormReader
from app.segmentation.fields.reader import ReadField
from app.segmentation.fields.template import Template
from training.evaluation.pages import MAX_DIGITS
from training.evaluation.robustness import MAX_PIXELS
from training.evaluation.sheets.forms import Form, make_form, with_anchors, with_marks
from training.evaluation.sheets.kinds import Tally
from training.evaluation.sheets.photographs import RGB, close_up, coloured, evenly, lit, on_desk, tilted, turned


class FormKind(NamedTuple):
    photograph: Callable[[RGB, Generator], RGB]
    printed: Callable[[Form], Form] = lambda form: form


FORM_KINDS = {
    "scan": FormKind(evenly),
    "desk": FormKind(on_desk(6, 0.06)),
    "turned by 90": FormKind(turned(1)),
    "tilted": FormKind(tilted),
    "close-up": FormKind(close_up),
    "close-up by marks": FormKind(close_up, with_marks),
    "close-up by anchors": FormKind(close_up, with_anchors),
}


class FilledForm(NamedTuple):
    content: bytes  # a JPEG file
    template: Template
    texts: Mapping[str, str]  # by field


def make_filled_form(kind: FormKind, seed: Sequence[int]) -> FilledForm:
    rng = np.random.default_rng(seed)
    form = kind.printed(make_form(rng))
    content = lit(kind.photograph(coloured(form.drawn, rng), rng), rng)
    return FilledForm(content, Template.model_validate(form.template), form.texts)


def read_form(form: FilledForm, model: Model) -> Mapping[str, ReadField]:
    """As `POST /read` does."""
    reader = FormReader(open_picture(form.content, MAX_PIXELS), form.template, MAX_DIGITS)
    while fields := reader.segment():
        images = fields.images
        rows = model.run(images) if len(images) else np.empty((0, CLASSES), np.float32)
        reader.add(fields.decode(rows))
    return reader.fields


def count_fields(form: FilledForm, read: Mapping[str, ReadField], threshold: float) -> Tally:
    is_right = {name: read[name].text.replace(" ", "") == text for name, text in form.texts.items()}
    accepted = [is_right[name] for name in form.texts if read[name].is_accepted(threshold)]
    return Tally(len(is_right), sum(is_right.values()), accepted.count(True), accepted.count(False))


def evaluate_fields(model: Model, threshold: float, forms: int, seed: int) -> Iterator[str]:
    """A line of text for each kind of form."""
    for index, (name, kind) in enumerate(FORM_KINDS.items()):
        tally = Tally()
        for number in range(forms):
            form = make_filled_form(kind, (seed, index, number))
            tally = tally.plus(count_fields(form, read_form(form, model), threshold))
        yield f"{name:18}  {tally}"
