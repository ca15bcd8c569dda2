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
        ("96%", "%96"),
        ("53+44", "5344+"),
        ("-427", "427-"),
    ],
)
def test_usual_text_is_likelier(usual: str, unusual: str) -> None:
    assert weight_of(usual) > weight_of(unusual)


def weight_of(text: str) -> float:
    return float(fitted_weights().text @ counts(text))


@pytest.mark.parametrize("text", ["12345", "12.50", "1299,50", "-427", "12:45", "96%", "53+44"])
def test_nothing_is_counted_in_numbers(text: str) -> None:
    assert counts(text) == [0] * len(COUNTED)


@pytest.mark.parametrize(("text", "counted"), [("(117)", "pair of brackets"), ("(117", "bracket alone")])
def test_brackets_are_counted_in_pairs(text: str, counted: str) -> None:
    assert {name: count for name, count in zip(COUNTED, counts(text), strict=True) if count} == {counted: 1}
