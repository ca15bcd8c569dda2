"""POST /read with a template of a form's fields."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.digit_pages import digit_page
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient
from training.datasets.mnist import Digits

WIDTH, HEIGHT = 900, 600
BOXES = {"meter": (60, 80, 400, 120), "count": (520, 80, 300, 120), "empty": (60, 300, 400, 120)}
CONSTRAINTS: dict[str, dict[str, Any]] = {"meter": {"length": 4}, "count": {"values": ["41", "14"]}, "empty": {}}
TEMPLATE = {
    name: {"x": x / WIDTH, "y": y / HEIGHT, "width": width / WIDTH, "height": height / HEIGHT} | CONSTRAINTS[name]
    for name, (x, y, width, height) in BOXES.items()
}


@pytest.fixture(scope="module")
def form(test_digits: Digits) -> NDArray[np.uint8]:
    """7210 in the box on the left, 41 in the one on the right on the same row, and an empty one below."""
    paper = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for x, y, width, height in BOXES.values():
        cv2.rectangle(paper, (x, y), (x + width, y + height), (0,), 3)
    for name, indices in (("meter", [0, 1, 2, 3]), ("count", [4, 5])):
        digits = digit_page(test_digits, [indices])[20:-20, 20:-20]
        x, y = BOXES[name][0] + 8, BOXES[name][1] + 16
        part = paper[y : y + len(digits), x : x + digits.shape[1]]
        np.minimum(part, digits, out=part)
    return paper


def post(client: TestClient, form: NDArray[np.uint8], template: object) -> Any:
    text = template if isinstance(template, str) else json.dumps({"fields": template})
    files = {"page": ("page.png", encode(form)), "template": ("form.json", text.encode())}
    return client.post("/read", files=files)


def fields(response: Any) -> dict[str, dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: dict[str, dict[str, Any]] = response.json()["fields"]
    return found


def test_template_that_was_not_filled_in_is_absent(client: TestClient, form: NDArray[np.uint8]) -> None:
    """As forms of browsers send it."""
    response = post(client, form, "")
    assert response.status_code == 200
    assert "fields" not in response.json()


def test_fields_are_read_by_their_names(client: TestClient, form: NDArray[np.uint8]) -> None:
    found = fields(post(client, form, TEMPLATE))
    assert list(found) == list(TEMPLATE)
    assert {name: field["text"] for name, field in found.items()} == {"meter": "7210", "count": "41", "empty": ""}
    assert {name: field["accepted"] for name, field in found.items()} == {"meter": True, "count": True, "empty": False}
    for name, field in found.items():
        assert field.keys() == {"text", "confidence", "accepted", "satisfied", "box", "alternatives"}
        assert np.allclose(field["box"], BOXES[name], atol=1)


def on_a_desk(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.copyMakeBorder(sheet, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(70,)).astype(np.uint8)


@pytest.mark.parametrize("photograph", [np.asarray, on_a_desk], ids=["scan", "on a desk"])
def test_all_fields_of_a_blank_page_are_empty(
    client: TestClient, photograph: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    response = post(client, photograph(np.full((HEIGHT, WIDTH), 255, np.uint8)), TEMPLATE)
    assert {name: field["text"] for name, field in fields(response).items()} == dict.fromkeys(TEMPLATE, "")
    assert not any(field["accepted"] for field in fields(response).values())
    assert response.json()["lines"] == []


def test_with_a_template_the_lines_of_the_page_are_those_of_its_fields(
    client: TestClient, form: NDArray[np.uint8]
) -> None:
    page = post(client, form, TEMPLATE).json()
    assert page["lines"] == ["7210", "41"]
    assert page["text"] == "7210\n41"
    assert client.post("/read", content=encode(form)).json()["lines"] == ["721041"]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_form_is_read_once_as_its_boxes_tell_how_it_lies(
    client: TestClient, form: NDArray[np.uint8], quarters: int
) -> None:
    response = post(client, np.ascontiguousarray(np.rot90(form, -quarters)), TEMPLATE)
    assert {name: field["text"] for name, field in fields(response).items()} == {
        "meter": "7210", "count": "41", "empty": "",
    }  # fmt: skip
    assert response.json()["page"]["turned"] == 90 * quarters


def test_nothing_is_accepted_if_the_marks_of_the_template_are_not_found(client: TestClient) -> None:
    """Without boxes either: the regions may lie elsewhere on the picture."""
    paper = np.full((HEIGHT, WIDTH), 255, np.uint8)
    cv2.putText(paper, "1111", (90, 160), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (0,), 6)
    marks = [{"x": x, "y": y} for x, y in ((0.03, 0.03), (0.97, 0.03), (0.97, 0.97), (0.03, 0.97))]
    for expected, template in ((True, {}), (False, {"marks": marks})):
        text = json.dumps({"fields": {"meter": TEMPLATE["meter"]}} | template)
        found = fields(post(client, paper, text))["meter"]
        assert (found["text"], found["accepted"]) == ("1111", expected)


def test_field_is_read_under_its_own_constraints(client: TestClient, form: NDArray[np.uint8]) -> None:
    changed = TEMPLATE | {
        "meter": TEMPLATE["meter"] | {"length": 9},
        "count": TEMPLATE["count"] | {"values": ["41", "42"]},
    }
    found = fields(post(client, form, changed))
    assert (found["meter"]["text"], found["meter"]["satisfied"], found["meter"]["accepted"]) == ("7210", False, False)
    assert (found["count"]["text"], found["count"]["satisfied"]) == ("41", True)


def test_writing_may_leave_its_box_and_neighbours_stay_out(client: TestClient, form: NDArray[np.uint8]) -> None:
    smaller = {name: field | {"y": field["y"] + 0.05, "height": 0.1} for name, field in TEMPLATE.items()}
    assert fields(post(client, form, smaller))["meter"]["text"] == "7210"


def test_template_may_be_text_without_a_file_name(client: TestClient, form: NDArray[np.uint8]) -> None:
    data = {"template": json.dumps({"fields": TEMPLATE})}
    response = client.post("/read", data=data, files={"page": ("page.png", encode(form))})
    assert fields(response)["meter"]["text"] == "7210"


@pytest.mark.parametrize("as_text", [False, True])
def test_template_may_be_a_member_of_the_json(client: TestClient, form: NDArray[np.uint8], *, as_text: bool) -> None:
    template: Any = {"fields": TEMPLATE}
    image = base64.b64encode(encode(form)).decode()
    response = client.post("/read", json={"image": image, "template": json.dumps(template) if as_text else template})
    assert fields(response)["meter"]["text"] == "7210"


def test_template_in_json_that_is_empty_is_absent_and_that_is_no_object_is_refused(
    client: TestClient, form: NDArray[np.uint8]
) -> None:
    image = base64.b64encode(encode(form)).decode()
    for absent in (None, ""):
        assert "fields" not in client.post("/read", json={"image": image, "template": absent}).json()
    assert (
        "'template'"
        in assert_problem(client.post("/read", json={"image": image, "template": 5}), 400, "invalid-request")["detail"]
    )


def test_page_without_a_template_has_no_fields(client: TestClient, form: NDArray[np.uint8]) -> None:
    assert "fields" not in client.post("/read", content=encode(form)).json()


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("no JSON", "Invalid JSON"),
        ({"meter": {"x": 2}}, "in the field 'meter', x"),
        (TEMPLATE | {"count": TEMPLATE["count"] | {"pattern": "x"}}, "in the field 'count', pattern: character 1, 'x'"),
    ],
)
def test_wrong_template_is_refused_by_the_name_of_its_field(
    client: TestClient, form: NDArray[np.uint8], template: object, named: str
) -> None:
    assert named in assert_problem(post(client, form, template), 400, "invalid-request")["detail"]


@pytest.fixture(scope="module")
def with_templates(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose operator keeps a template."""
    folder = tmp_path_factory.mktemp("templates")
    (folder / "card.json").write_text(json.dumps({"fields": TEMPLATE}))
    with ServedClient(create_app(Settings(models=models, device="cpu", templates=folder))) as client:
        yield client


def test_template_of_the_operator_is_named_in_the_query(with_templates: TestClient, form: NDArray[np.uint8]) -> None:
    response = with_templates.post("/read", content=encode(form), params={"template": "card"})
    assert fields(response)["meter"]["text"] == "7210"


@pytest.mark.parametrize("name", ["other", "../card", "card.json"])
def test_unknown_template_is_refused(with_templates: TestClient, form: NDArray[np.uint8], name: str) -> None:
    response = with_templates.post("/read", content=encode(form), params={"template": name})
    assert "card" in assert_problem(response, 404, "template-not-found")["detail"]


def test_two_templates_are_refused(with_templates: TestClient, form: NDArray[np.uint8]) -> None:
    files = {"page": ("page.png", encode(form)), "template": ("form.json", json.dumps({"fields": TEMPLATE}).encode())}
    response = with_templates.post("/read", params={"template": "card"}, files=files)
    assert "send one of them" in assert_problem(response, 400, "invalid-request")["detail"]
