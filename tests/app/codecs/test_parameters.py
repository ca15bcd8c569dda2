"""Query parameters of /predict, /read and /explain, and versions in paths."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.codecs.parameters import QueryParameters, parse_query
from app.errors import InvalidRequest
from app.segmentation.constraints.constraints import Constraints
from tests.conftest import NEWEST
from tests.support.predictions import post_picture
from tests.support.problems import assert_problem


def test_query_is_parsed_and_unknown_parameters_are_ignored() -> None:
    assert parse_query(b"") == QueryParameters()
    query = b"model=digits-mlp&version=2&return_image=Yes&digit=7&scale=unit&on_error=each&utm_source=x"
    assert parse_query(query) == QueryParameters("digits-mlp", "2", True, 7, "unit", each=True)


def test_last_of_a_repeated_parameter_counts() -> None:
    assert parse_query(b"version=1&version=2").version == "2"


def test_version_is_a_number_or_a_label() -> None:
    assert parse_query(b"version=1700000000").version == "1700000000"
    assert parse_query(b"version=stable").version == "stable"


@pytest.mark.parametrize(
    "query",
    [
        "model=&version=&return_image=&digit=&scale=&on_error=",
        "alternatives=&template=&pages=&length=&pattern=&values=&check=",
    ],
)
def test_parameter_that_is_empty_is_absent(query: str) -> None:
    """As a form sends a field that nobody filled in."""
    assert parse_query(query.encode()) == QueryParameters()


@pytest.mark.parametrize(
    "query",
    [
        b"return_image=maybe",
        b"digit=10",
        b"\xff=1",
        b"scale=255",
        b"on_error=no",
    ],
)
def test_other_parameters_are_checked_too(query: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_query(query)


def test_constraints_of_lines_are_parsed_and_hold_together() -> None:
    query = b"length=5&pattern=%5Cd%2B&values=12345,54321&check=luhn&alternatives=5&template=meter"
    parameters = parse_query(query)
    assert parameters.alternatives == 5
    assert parameters.template == "meter"
    assert parameters.constraints == Constraints(length=5, pattern=r"\d+", values=("12345", "54321"), check="luhn")
    assert parse_query(b"").constraints.automaton() is None


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"length=0", "'length'"),
        (b"pattern=12x", "'pattern': character 3, 'x'"),
        (b"pattern=%5Cd+", "'pattern': character 3, ' '.*%2B"),
        (b"values=12,", "'values': each value"),
        (b"check=crc", "'check'"),
        (b"alternatives=0", "'alternatives' must be a whole number from 1 to 20"),
    ],
)
def test_wrong_constraint_is_refused_by_name(query: bytes, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        parse_query(query)


def test_parameter_of_the_wrong_kind_is_refused(client: TestClient, seven_png: bytes) -> None:
    problem = assert_problem(post_picture(client, seven_png, params={"return_image": "7"}), 400, "invalid-request")
    assert "return_image" in problem["detail"]


def test_unknown_version_or_label_is_refused_and_the_known_ones_are_named(client: TestClient, seven_png: bytes) -> None:
    for version in ("newest", "-1", "1.0", "123456789012345678901"):
        problem = assert_problem(post_picture(client, seven_png, params={"version": version}), 404, "model-not-found")
        assert NEWEST in problem["detail"]
