"""Query parameters of /predict, /read and /explain, and versions in paths."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.codecs.parameters import QueryParameters, parse_query, parse_version
from app.errors import InvalidRequest
from tests.support.predictions import post_picture
from tests.support.problems import assert_problem


def test_query_is_parsed_and_unknown_parameters_are_ignored() -> None:
    assert parse_query(b"") == QueryParameters()
    query = b"model=digits-mlp&version=2&return_image=Yes&digit=7&utm_source=x"
    assert parse_query(query) == QueryParameters("digits-mlp", 2, return_image=True, digit=7)


def test_last_of_a_repeated_parameter_counts() -> None:
    assert parse_query(b"version=1&version=2").version == 2


@pytest.mark.parametrize("query", [b"version=", b"version=1.0", b"version=-1", b"version=1234567890", b"version=x"])
def test_version_must_be_a_whole_number(query: bytes) -> None:
    with pytest.raises(InvalidRequest, match="'version' must be a whole number"):
        parse_query(query)


@pytest.mark.parametrize("query", [b"return_image=", b"return_image=maybe", b"digit=10", b"digit=", b"\xff=1"])
def test_other_parameters_are_checked_too(query: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_query(query)


def test_parameter_of_the_wrong_kind_is_refused(client: TestClient, seven_png: bytes) -> None:
    problem = assert_problem(post_picture(client, seven_png, params={"version": "newest"}), 400, "invalid-request")
    assert "version" in problem["detail"]


def test_version_has_a_bounded_number_of_digits() -> None:
    assert parse_version("007") == 7
    assert parse_version("123456789") == 123_456_789
    assert parse_version("1234567890") is None
    assert parse_version("1234567890", max_digits=18) == 1_234_567_890
    assert parse_version("\u0661") is None  # a digit, but not of ASCII
