"""POST /read of documents with several pages, and of HEIC photos, over the real models."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.digit_pages import digit_page
from tests.support.document_files import PixelArray, encrypted, heic_of, pdf_of, tiff_of
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from training.datasets.mnist import Digits

BLANK = np.full((300, 400), 255, np.uint8)


@pytest.fixture(scope="module")
def sheets(test_digits: Digits) -> list[PixelArray]:
    """7210 above 41, then 72, then 10."""
    return [digit_page(test_digits, rows) for rows in ([[0, 1, 2, 3], [4, 5]], [[0, 1]], [[2, 3]])]


@pytest.fixture(scope="module")
def pdf(sheets: list[PixelArray]) -> bytes:
    return pdf_of(*sheets)


def post(client: TestClient, content: bytes, route: str = "/read") -> Any:
    return client.post(route, content=content, headers={"Content-Type": "application/octet-stream"})


def answer(client: TestClient, content: bytes, route: str = "/read") -> dict[str, Any]:
    response = post(client, content, route)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def test_document_is_answered_as_documented(client: TestClient, sheets: list[PixelArray], pdf: bytes) -> None:
    document = answer(client, pdf)
    single = answer(client, encode(sheets[1]))
    assert document.keys() == {"model", "text", "pages"}
    assert document["text"] == "7210\n41\f72\f10"
    assert [page["number"] for page in document["pages"]] == [1, 2, 3]
    for page in document["pages"]:
        assert page.keys() - {"number", "width", "height"} == single.keys() - {"model"}
        assert page["width"] > page["height"] or page["number"] == 1


def test_boxes_are_in_the_pixels_of_their_page(client: TestClient, sheets: list[PixelArray], pdf: bytes) -> None:
    page = answer(client, pdf)["pages"][1]
    (x, y, width, height) = page["digits"][0]["box"]
    scale = page["width"] / sheets[1].shape[1]
    (x_alone, y_alone, width_alone, height_alone) = answer(client, encode(sheets[1]))["digits"][0]["box"]
    alone = np.array((x_alone, y_alone, width_alone, height_alone)) * scale
    assert np.abs(np.array((x, y, width, height)) - alone).max() < 4


def test_tiff_is_answered_alike(client: TestClient, sheets: list[PixelArray]) -> None:
    document = answer(client, tiff_of(*sheets))
    assert document["text"] == "7210\n41\f72\f10"
    assert [(page["width"], page["height"]) for page in document["pages"]] == [
        (sheet.shape[1], sheet.shape[0]) for sheet in sheets
    ]


def test_tiff_of_one_page_is_a_picture(client: TestClient, sheets: list[PixelArray]) -> None:
    assert answer(client, tiff_of(sheets[0])) == answer(client, encode(sheets[0]))


def test_pages_can_be_chosen(client: TestClient, sheets: list[PixelArray], pdf: bytes) -> None:
    for content in (pdf, tiff_of(*sheets)):
        document = answer(client, content, "/read?pages=2-3")
        assert document["text"] == "72\f10"
        assert [page["number"] for page in document["pages"]] == [2, 3]
    assert answer(client, encode(sheets[1]), "/read?pages=1")["text"] == "72"


def test_pages_that_are_not_there_are_refused(client: TestClient, sheets: list[PixelArray], pdf: bytes) -> None:
    for content in (pdf, tiff_of(*sheets), encode(sheets[0])):
        assert_problem(post(client, content, "/read?pages=4"), 400, "invalid-request")
        assert_problem(post(client, content, "/read?pages=2-1"), 400, "invalid-request")


def test_blank_pages_are_empty(client: TestClient, sheets: list[PixelArray]) -> None:
    document = answer(client, pdf_of(BLANK, sheets[1], BLANK))
    assert document["text"] == "\f72\f"
    assert [page["lines"] for page in document["pages"]] == [[], ["72"], []]
    assert_problem(post(client, pdf_of(BLANK, BLANK)), 422, "blank-picture")


def test_pages_are_limited(models: Any, pdf: bytes) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", max_pages=2))) as client:
        assert_problem(post(client, pdf), 413, "too-many-pages")
        assert answer(client, pdf, "/read?pages=3")["text"] == "10"


def test_a_page_with_too_many_digits_is_named(models: Any, pdf: bytes) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", max_pictures=2))) as client:
        problem = assert_problem(post(client, pdf), 413, "too-many-digits")
        assert problem["detail"].startswith("Page 1: ")


def test_damaged_and_encrypted_documents_are_refused(client: TestClient, sheets: list[PixelArray], pdf: bytes) -> None:
    for content in (pdf[: len(pdf) // 2], encrypted(pdf), tiff_of(*sheets)[:-20_000]):
        assert_problem(post(client, content), 415, "unsupported-picture")


def test_documents_come_in_forms_and_in_json_too(client: TestClient, pdf: bytes) -> None:
    in_form = client.post("/read", files={"file": ("scan.pdf", pdf, "application/pdf")})
    in_json = client.post("/read", json={"images": [base64.b64encode(pdf).decode()]})
    as_text = post(client, base64.b64encode(pdf))
    assert in_form.json() == in_json.json() == as_text.json() == answer(client, pdf)


def test_every_page_is_read_under_the_constraints_and_by_the_template(client: TestClient, pdf: bytes) -> None:
    template = {"fields": {"all": {"x": 0, "y": 0, "width": 1, "height": 1}}}
    response = client.post("/read?pages=2-3&values=72,10", files={"page": pdf}, data={"template": json.dumps(template)})
    pages = response.json()["pages"]
    assert [page["readings"][0]["text"] for page in pages if page["readings"][0]["satisfied"]] == ["72", "10"]
    assert [page["fields"]["all"]["text"] for page in pages] == ["72", "10"]


def test_other_routes_name_the_one_for_documents(client: TestClient, pdf: bytes) -> None:
    for route in ("/predict", "/explain"):
        problem = assert_problem(post(client, pdf, route), 415, "unsupported-picture")
        assert "/read" in problem["detail"]


def test_photos_of_iphones_are_read(client: TestClient, sheets: list[PixelArray], test_digits: Digits) -> None:
    photo = heic_of(np.dstack([sheets[0]] * 3))
    assert answer(client, photo)["text"] == "7210\n41"
    assert post(client, base64.b64encode(photo)).json()["text"] == "7210\n41"
    digit = answer(client, heic_of(255 - test_digits.images[0].repeat(8, 0).repeat(8, 1)), "/predict")
    assert digit["predictions"][0]["digit"] == 7
