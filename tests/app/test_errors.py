"""The tree of errors and the problem document."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app import errors
from app.errors import ServiceError


def subclasses(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from subclasses(kind)


@pytest.mark.parametrize("kind", list(subclasses(ServiceError)))
def test_every_error_has_a_status_a_title_and_a_slug_of_its_own(kind: type[ServiceError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title
    assert [error.slug for error in subclasses(ServiceError)].count(kind.slug) == 1


@pytest.mark.parametrize("kind", list(subclasses(ServiceError)))
def test_every_error_is_drawn_in_the_tree(kind: type[ServiceError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_problem_document_repeats_its_detail_where_other_protocols_look() -> None:
    body = json.loads(errors.BlankPicture("Draw something.", picture=3).problem().to_json())
    assert body == {
        "type": "urn:digits:problem:blank-picture",
        "title": "The picture is blank",
        "status": 422,
        "detail": "Draw something.",
        "error": "Draw something.",
        "picture": 3,
    }
