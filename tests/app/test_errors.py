"""The tree of errors and the one body."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app import errors
from app.errors import ServiceError


def leaves(of: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for each in of.__subclasses__():
        yield each
        yield from leaves(each)


@pytest.mark.parametrize("kind", list(leaves(ServiceError)))
def test_every_error_has_a_status_a_name_and_a_title_of_its_own(kind: type[ServiceError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title
    assert [each.slug for each in leaves(ServiceError)].count(kind.slug) == 1


@pytest.mark.parametrize("kind", list(leaves(ServiceError)))
def test_every_error_is_drawn_in_the_tree(kind: type[ServiceError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_body_is_a_problem_document_with_the_text_where_other_protocols_look() -> None:
    body = json.loads(errors.BlankPicture("Draw something.", picture=3).problem().to_json())
    assert body == {
        "type": "urn:digits:problem:blank-picture",
        "title": "The picture is blank",
        "status": 422,
        "detail": "Draw something.",
        "error": "Draw something.",
        "picture": 3,
    }
