"""POST /corrections over the real service."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import NEWEST
from tests.support.api_keys import digest_of
from tests.support.digit_pages import digit_page
from tests.support.pictures import encode, png_of_size
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient
from tests.support.service import assert_refuses_to_start, serving
from training.datasets.mnist import Digits

KEY = {"X-API-Key": "a clerk's"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "corrections"


@pytest.fixture(scope="module")
def open_client(models: Path, folder: Path) -> Iterator[TestClient]:
    settings = Settings(
        models=models, device="cpu", corrections=folder, api_keys=(digest_of("a clerk's"),), max_pixels=10**6
    )
    with ServedClient(create_app(settings)) as client:
        yield client


def post(client: TestClient, picture: bytes, headers: dict[str, str] = KEY, **fields: str) -> Any:
    return client.post("/corrections", files={"picture": ("secret.png", picture)}, data=fields, headers=headers)


def kept(folder: Path, response: Any) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The picture and the record of the correction that was kept."""
    assert response.status_code == 201, response.text
    name = response.json()["id"]
    record = json.loads((folder / f"{name}.json").read_text())
    return np.asarray(Image.open(folder / f"{name}.png"), np.uint8), record


def test_a_corrected_digit_is_kept_as_it_was_sent(
    open_client: TestClient, folder: Path, seven: NDArray[np.uint8], seven_png: bytes
) -> None:
    picture, record = kept(folder, post(open_client, seven_png, digits="7", read="1", model="digits", version=NEWEST))
    assert np.array_equal(picture, seven)
    assert (record["digits"], record["read"]) == ("7", "1")
    assert (record["model"], record["version"]) == ("digits", int(NEWEST))


def test_a_region_is_cut_out_as_read_gives_its_box(open_client: TestClient, folder: Path, test_digits: Digits) -> None:
    page = encode(digit_page(test_digits, [[0, 1, 2]]))
    first, *_ = open_client.post("/read", content=page, headers=KEY).json()["digits"]
    region = ",".join(map(str, first["box"]))
    picture, _ = kept(folder, post(open_client, page, digits="7", region=region))
    assert picture.shape[::-1] == tuple(first["box"][2:])


def test_json_is_taken_as_on_other_routes(open_client: TestClient, folder: Path, seven_png: bytes) -> None:
    body = {"image": base64.b64encode(seven_png).decode(), "digits": "none", "region": [0, 0, 28, 28]}
    _, record = kept(folder, open_client.post("/corrections", json=body, headers=KEY))
    assert record["digits"] == "none"
    assert record["read"] is record["model"] is record["version"] is None


def test_nothing_about_the_sender_is_kept(open_client: TestClient, folder: Path, seven: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    file = io.BytesIO()
    Image.fromarray(seven).save(file, "PNG", exif=exif)
    headers = KEY | {"User-Agent": "a rare browser", "X-Forwarded-For": "203.0.113.9", "X-Request-ID": "my-own-id"}
    name = post(open_client, file.getvalue(), headers, digits="7").json()["id"]
    files = list(folder.glob(f"{name}.*"))
    assert len(files) == 2
    for path in files:
        for trace in (b"home", b"browser", b"203.0.113.9", b"my-own-id", b"clerk", b"secret"):
            assert trace not in path.read_bytes()


def test_what_was_corrected_is_counted_digit_by_digit(open_client: TestClient, seven_png: bytes) -> None:
    def count(**labels: str) -> float:
        text = open_client.get("/metrics", headers=KEY).text
        sample = "digits_corrections_total{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(sample))

    one_as_seven = {"model": "digits-mlp", "read": "1", "right": "7"}
    before = count(**one_as_seven)
    post(open_client, seven_png, digits="4779", read="4179", model="digits-mlp")
    assert count(**one_as_seven) == before + 1
    unknown = {"model": "other", "read": "unknown", "right": "3"}
    before = count(**unknown)
    post(open_client, seven_png, digits="3", model="a model of the client's own")
    assert count(**unknown) == before + 1


# --- what is refused --------------------------------------------------------------------------------------------------


def test_bad_corrections_are_refused_and_nothing_is_kept(
    open_client: TestClient, folder: Path, seven_png: bytes
) -> None:
    before = sorted(folder.iterdir())
    assert_problem(post(open_client, seven_png, digits="seven"), 400, "invalid-request")
    assert_problem(post(open_client, seven_png), 400, "invalid-request")
    assert_problem(post(open_client, seven_png, digits="7", region="28,0,5,5"), 400, "invalid-request")
    assert_problem(post(open_client, b"no picture", digits="7"), 415, "unsupported-picture")
    assert_problem(post(open_client, png_of_size(5000, 5000), digits="7"), 413, "too-many-pixels")
    assert_problem(open_client.post("/corrections", content=seven_png, headers=KEY), 400, "invalid-request")
    assert sorted(folder.iterdir()) == before


def test_a_key_is_needed(open_client: TestClient, seven_png: bytes) -> None:
    assert_problem(post(open_client, seven_png, {}, digits="7"), 401, "unauthorized")
    assert_problem(post(open_client, seven_png, {"X-API-Key": "a guess"}, digits="7"), 401, "unauthorized")


def test_a_service_without_a_folder_says_that_it_keeps_none_and_documents_the_route(
    client: TestClient, seven_png: bytes
) -> None:
    problem = assert_problem(post(client, seven_png, digits="7"), 404, "corrections-closed")
    assert "DIGITS_CORRECTIONS" in problem["detail"]
    assert "/corrections" in client.get("/openapi.json").json()["paths"]


def test_a_full_folder_is_507_and_says_what_to_do(models: Path, tmp_path: Path, seven_png: bytes) -> None:
    settings = Settings(
        models=models, device="cpu", corrections=tmp_path, corrections_open=True, corrections_bytes=2**16
    )
    with TestClient(create_app(settings)) as client:
        statuses = [post(client, seven_png, digits="7").status_code for _ in range(8)]
        assert statuses == [201] * 8
        problem = assert_problem(post(client, seven_png, digits="7"), 507, "corrections-full")
        assert "DIGITS_CORRECTIONS_BYTES" in problem["detail"]
        assert len(list(tmp_path.iterdir())) == 16


# --- the start --------------------------------------------------------------------------------------------------------


def test_a_folder_without_keys_is_refused_unless_that_is_intended(tmp_path: Path, seven_png: bytes) -> None:
    folder = str(tmp_path / "corrections")
    line = assert_refuses_to_start("--device", "cpu", "--corrections", folder)
    assert "DIGITS_API_KEYS" in line
    assert "DIGITS_CORRECTIONS_OPEN=true" in line
    with serving("--device", "cpu", "--workers", "2", "--corrections", folder, "--corrections-open", "true") as service:
        connection = service.connect()
        body = json.dumps({"image": base64.b64encode(seven_png).decode(), "digits": "7"})
        connection.request("POST", "/corrections", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 201
        connection.close()
    assert len(list((tmp_path / "corrections").iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_one_line_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = assert_refuses_to_start(
        "--device", "cpu", "--corrections-open", "true", "--corrections", str(tmp_path / "file")
    )
    assert "the folder of corrections" in line


@pytest.mark.parametrize(
    ("region", "words"),
    [("1" + 400 * "0" + ",0,1,1", "no picture is so large"), ("6,7,16", "give four whole numbers")],
    ids=["huge", "three numbers"],
)
def test_region_that_is_none_is_refused(open_client: TestClient, seven_png: bytes, region: str, words: str) -> None:
    problem = assert_problem(post(open_client, seven_png, digits="7", region=region), 400, "invalid-request")
    assert words in problem["detail"]


def test_labels_that_contradict_each_other_are_refused(open_client: TestClient, seven_png: bytes) -> None:
    files, fields = {"picture": ("x.png", seven_png)}, {"digits": ["7", "8"]}
    response = open_client.post("/corrections", files=files, data=fields, headers=KEY)
    assert "twice" in assert_problem(response, 400, "invalid-request")["detail"]


def test_page_of_another_origin_plants_no_corrections(open_client: TestClient, seven_png: bytes) -> None:
    """A browser sends its form without asking: CORS would keep only the answer from it."""
    headers = KEY | {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert_problem(post(open_client, seven_png, headers, digits="1"), 403, "origin-refused")
    own = KEY | {"Origin": str(open_client.base_url).rstrip("/")}
    assert post(open_client, seven_png, own, digits="7").status_code == 201
