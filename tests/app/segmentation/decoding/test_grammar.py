"""Texts whose marks stand where they belong are likelier than others."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.grammar import COUNTED, counts
from app.segmentation.decoding.weights import fitted_weights


@pytest.mark.parametrize(
    ("usual", "unusual"),
    [
        ("24/12/2026", "24112/2026"),
        ("24112", "24/12/"),
        ("1117", "(117"),
        ("12.50", ".1250"),
        ("12:45", "124:5"),
        ("3:2", "3:"),
        ("24.12.2026", "24.122026"),
        ("1. 523", "523 1."),
        ("12) 86", "12)"),
        ("5,-", "5,"),
        ("96%", "%96"),
        ("53+44", "5344+"),
        ("-427", "427-"),
    ],
)
def test_usual_text_is_likelier(usual: str, unusual: str) -> None:
    assert weight_of(usual) > weight_of(unusual)


def weight_of(text: str) -> float:
    return float(fitted_weights().text @ counts(text))


@pytest.mark.parametrize("text", ["12345", "12.50", "1299,50", "-427", "12:45", "3:2", "96%", "53+44"])
def test_nothing_is_counted_in_numbers(text: str) -> None:
    assert counts(text) == [0] * len(COUNTED)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("(117)", "pair of brackets"),
        ("(117", "bracket alone"),
        ("24/12/2026", "date"),
        ("24.12.2026", "date with points"),
        ("1.9.26", "date with points"),
        ("7. 523", "number in a list"),
        ("12) -4", "number in a list"),
        ("1299,-", "no cents"),
    ],
)
def test_what_belongs_together_is_counted_once(text: str, counted: str) -> None:
    assert {name: count for name, count in zip(COUNTED, counts(text), strict=True) if count} == {counted: 1}
