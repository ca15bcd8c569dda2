"""POST /read under constraints: searched for, not filtered afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from tests.support.digit_pages import digit_page
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from training.datasets.mnist import Digits


@pytest.fixture(scope="module")
def page(test_digits: Digits) -> NDArray[np.uint8]:
    """7210 above 4149 (MNIST's first eight test digits, of which the seventh and eighth are 4 and 9)."""
    assert test_digits.labels[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    return digit_page(test_digits, [[0, 1, 2, 3], [4, 5, 6, 7]])


def readings(client: TestClient, page: NDArray[np.uint8], **parameters: str | int) -> list[dict[str, Any]]:
    response = client.post("/read", content=encode(page), params=parameters)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["readings"]
    return found


def test_lines_that_satisfy_are_accepted(client: TestClient, page: NDArray[np.uint8]) -> None:
    for reading in readings(client, page, length=4):
        assert reading["satisfied"]
        assert reading["accepted"]
    assert [reading["text"] for reading in readings(client, page, pattern=r"[47]\d{3}")] == ["7210", "4149"]


def other_texts(client: TestClient, page: NDArray[np.uint8]) -> list[list[str]]:
    """Of each line, what the ink may also say: the likeliest first, without the reading itself."""
    return [
        [alternative["text"] for alternative in reading["alternatives"][1:] if alternative["text"].isdigit()]
        for reading in readings(client, page, length=4, alternatives=20)
    ]


def test_text_is_the_likeliest_that_satisfies(client: TestClient, page: NDArray[np.uint8]) -> None:
    (nearest, farther, *_), (nearest_below, farther_below, *_) = other_texts(client, page)
    values = f"1111,{farther_below},{farther},{nearest},{nearest_below},88888"
    found = readings(client, page, values=values)
    assert [reading["text"] for reading in found] == [nearest, nearest_below]
    assert all(reading["satisfied"] for reading in found)


def test_line_that_cannot_satisfy_says_so_and_is_not_accepted(client: TestClient, page: NDArray[np.uint8]) -> None:
    for reading, text in zip(readings(client, page, pattern=r"\d{20}"), ("7210", "4149"), strict=True):
        assert reading["text"] == text
        assert not reading["satisfied"]
        assert not reading["accepted"]


def test_several_constraints_hold_together(client: TestClient, page: NDArray[np.uint8]) -> None:
    nearest, *_ = other_texts(client, page)[0]
    first, second = readings(client, page, length=4, values=f"721,{nearest},4149")
    assert (first["text"], second["text"]) == (nearest, "4149")


def test_alternatives_satisfy_too(client: TestClient, page: NDArray[np.uint8]) -> None:
    first, _ = readings(client, page, length=4, alternatives=5)
    texts = [alternative["text"] for alternative in first["alternatives"]]
    shares = [alternative["probability"] for alternative in first["alternatives"]]
    assert texts[0] == first["text"]
    assert len(set(texts)) == len(texts) > 1
    assert all(sum(map(str.isdigit, text)) == 4 for text in texts)
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"length": "five"}, "'length'"),
        ({"pattern": r"\d{2}x"}, "'pattern': character 6, 'x'"),
        ({"pattern": "(" * 200}, "'pattern': character 51, '(', opens a group that is in 50 others"),
        ({"values": "12,1a"}, "'values': the character 'a' of '1a'"),
        ({"check": "crc"}, "'check'"),
        ({"alternatives": "21"}, "'alternatives'"),
    ],
)
def test_wrong_constraint_is_refused_by_name(
    client: TestClient, page: NDArray[np.uint8], parameters: dict[str, str], named: str
) -> None:
    response = client.post("/read", content=encode(page), params=parameters)
    assert named in assert_problem(response, 400, "invalid-request")["detail"]
