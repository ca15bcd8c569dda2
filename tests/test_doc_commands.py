"""The commands and the code that the documents show work: what needs no more than this machine is run.

What needs more is checked in test_doc_names.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from app import __main__ as app
from app.audit.log import open_log
from app.settings import Settings
from tests.conftest import NEWEST, ROOT
from tests.support.documents import (
    KINDS,
    PYTHON,
    Shown,
    all_blocks,
    blocks,
    commands,
    commands_of_kind,
    inline_code,
    read,
)
from tests.support.service import Service, serving
from training import __main__ as training

KEY = "a key for the tests"
FORM = '{"fields": {"meter": {"x": 0, "y": 0, "width": 1, "height": 1, "length": 1}}}'


@pytest.mark.parametrize("command", commands(), ids=str)
def test_command_is_of_a_kind_that_is_tested_here(command: Shown) -> None:
    assert [kind for kind, pattern in KINDS.items() if re.match(pattern, command.text)]


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    kept = str(tmp_path_factory.mktemp("kept"))
    with serving("--device", "cpu", "--corrections", kept, "--corrections-open", "true") as service:
        yield service


@pytest.fixture(scope="module")
def guarded() -> Iterator[Service]:
    """Only for an administrator, who has `KEY`."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with serving("--device", "cpu", "--api-keys", digest, "--admin-keys", digest) as service:
        yield service


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With seven.png, as the first command of each document makes it, and a document of two pages."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copy(ROOT / "app/web/static/seven.png", folder)
    seven = Image.open(folder / "seven.png").convert("L").resize((140, 140))
    seven.save(folder / "scan.pdf", save_all=True, append_images=[seven])
    return folder


def run(command: str, service: Service, folder: Path) -> bytes:
    """As it is written, but for the port. An HTTP error is an error."""
    here = command.replace("http://localhost:8000", service.address).replace("curl -s ", "curl -sS --fail ")
    bash = ["bash", "-o", "pipefail", "-c", here]
    environment = {"KEY": KEY, **os.environ}
    return subprocess.run(bash, cwd=folder, env=environment, capture_output=True, check=True, timeout=60).stdout


OPEN = [command for command in commands_of_kind("curl") if "$KEY" not in command.text]
GUARDED = [command for command in commands_of_kind("curl") if "$KEY" in command.text]


@pytest.mark.parametrize("command", OPEN, ids=str)
def test_curl_line_is_answered(command: Shown, service: Service, folder: Path) -> None:
    answer = run(command.text, service, folder)
    if not re.search(r" -o |/metrics$", command.text):
        json.loads(answer)


@pytest.mark.parametrize("command", GUARDED, ids=str)
def test_curl_line_with_a_key_is_answered_because_of_the_key(
    command: Shown, guarded: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(command.text, guarded, folder)
    monkeypatch.setenv("KEY", "another")
    with pytest.raises(subprocess.CalledProcessError, match="22"):  # curl's status for an HTTP error
        run(command.text, guarded, folder)


def test_curl_lines_read_sevens(service: Service, folder: Path) -> None:
    asks = [
        command.text
        for command in commands_of_kind("curl")
        if "seven.png" in command.text and " -o " not in command.text and "/corrections" not in command.text
    ]
    assert len(asks) >= 10
    for ask in asks:
        if "digit=1" not in ask:
            assert set(digits_in(json.loads(run(ask, service, folder)))) == {7}, ask


def digits_in(answer: dict[str, Any]) -> list[int]:
    """What the service's own API, V1 or V2 read; a picture may have failed alone."""
    if "prediction" in answer:
        return [answer["prediction"]["digit"]]
    outputs = answer.get("outputs")
    if outputs and isinstance(outputs[0], dict):  # V2, as classes
        return [int(row.split(":")[2]) for row in outputs[0]["data"]]
    rows = outputs or answer.get("predictions") or answer["digits"]
    return [row["digit"] if isinstance(row, dict) else row.index(max(row)) for row in rows if "error" not in row]


def test_explanation_as_a_picture_is_one(service: Service, folder: Path) -> None:
    (command,) = [command.text for command in commands_of_kind("curl") if "explanation.png" in command.text]
    run(command, service, folder)
    assert (folder / "explanation.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("document", ["README.md", "docs/api.md"])
def test_answer_shown_has_the_members_of_a_real_one(document: str, service: Service, folder: Path) -> None:
    asks = [command.text for command in commands_of_kind("curl") if command.document == document]
    answers = [block for block in map(json.loads, blocks("json", document)) if "marks" not in block]  # no template
    for shown in answers:
        ask = next(ask for ask in asks if command_of(shown) in ask)
        real = json.loads(run(ask, service, folder))
        if "fields" in shown:  # which stand beside the rest
            assert list(shown["fields"]["meter"]) == list(real["fields"]["meter"])
            continue
        assert list(shown) == list(real)
        assert shown["model"] == real["model"]
        for part in {"predictions", "digits", "readings", "pages"} & set(shown):
            assert list(shown[part][0]) == list(real[part][0])
        for part in {"predictions", "digits"} & set(shown):
            assert shown[part][0]["confidence"] == pytest.approx(real[part][0]["confidence"], abs=1e-3)


def command_of(answer: dict[str, Any]) -> str:
    """A part of the command whose answer is shown."""
    if "pages" in answer:
        return "@scan.pdf"
    if "fields" in answer:
        return "template="
    route = "/predict" if "predictions" in answer else "/read"
    return f"--data-binary @seven.png http://localhost:8000{route}"


@pytest.mark.parametrize("block", all_blocks("python"), ids=lambda block: block.document)
def test_python_lines_read_a_seven(block: Shown, service: Service, folder: Path) -> None:
    code = block.text.replace("localhost:8000", service.address.removeprefix("http://"))
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip() == "7"


# --- command lines ----------------------------------------------------------------------------------------------------


def arguments_of(command: str) -> list[str]:
    return shlex.split(command.partition(" -m ")[2].partition(" > ")[0])[1:]


@pytest.mark.parametrize("command", commands_of_kind("app"), ids=str)
def test_command_of_the_service_works(command: Shown, tmp_path: Path) -> None:
    verb, *arguments = arguments_of(command.text)
    if verb == "serve":  # runs until it is stopped: its options are read as `serve` reads them
        given = vars(app.build_parser().parse_args([verb, *arguments]))
        Settings(
            **{name: value for name, value in given.items() if name in Settings.model_fields and value is not None}
        )
        return
    for name in ("scans", "pages"):
        (tmp_path / name).mkdir()
        shutil.copy(ROOT / "app/web/static/seven.png", tmp_path / name)
    form = np.full((200, 300), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "blank.jpg"), cv2.rectangle(form, (50, 60), (250, 120), (0,), 3))
    (tmp_path / "form.json").write_text(FORM)
    open_log(tmp_path / "audit.log").close()
    here = command.text.replace(".venv/bin/python", sys.executable)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DIGITS_MODELS": str(ROOT / "models")}
    ran = subprocess.run(
        ["bash", "-c", here], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    if verb == "template":
        assert "field1" in (tmp_path / "form.json").read_text()
        return
    if verb == "verify-audit":
        assert ran.stdout.startswith("intact: 1 records")
        return
    written = ran.stdout + "".join(path.read_text() for path in tmp_path.glob("*.csv"))
    assert "digest" in written if verb == "key" else ",7," in written


def test_signed_version_is_served_by_the_commands_that_are_shown(tmp_path: Path) -> None:
    """The three commands before `serve --require-signature-by key.pub`, in a folder with one version."""
    shutil.copytree(ROOT / "models/digits" / NEWEST, tmp_path / "models/digits" / NEWEST)
    sign = [
        command.text for command in commands() if command.document == "docs/deployment.md" and "key.p" in command.text
    ]
    for command in sign[:3]:
        here = command.replace(".venv/bin/python", sys.executable)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(["bash", "-c", here], cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=60)
    (serve,) = sign[3:]
    options = [str(tmp_path / word) if word == "key.pub" else word for word in arguments_of(serve)[1:]]
    with serving("--device", "cpu", "--models", str(tmp_path / "models"), *options) as service:
        assert service.get("/health")[1]["models"][0]["version"] == int(NEWEST)


@pytest.mark.parametrize("command", commands_of_kind("training"), ids=str)
def test_training_command_has_options_that_exist(command: Shown) -> None:
    """Training takes hours: the options are read as it reads them."""
    training.build_parser().parse_args(arguments_of(command.text))


def test_verbs_in_the_text_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for parser, package in ((app.build_parser(), "app"), (training.build_parser(), "training")):
        for code in inline_code():
            if match := re.match(rf"{PYTHON} {package} ([a-z][\w-]*)", code.text):
                with pytest.raises(SystemExit) as ended:
                    parser.parse_args([match[1], "--help"])
                assert ended.value.code == 0, code
                helped = capsys.readouterr().out
                assert all(option in helped for option in re.findall(r"--[a-z-]+", code.text)), code


def test_options_in_the_text_exist(capsys: pytest.CaptureFixture[str]) -> None:
    known = read("deploy/ray/read.py") + "--gpus --build-arg --read-only --user"  # the last four are Docker's
    for parser, verbs in (
        (app.build_parser(), ("serve", "predict", "read", "verify-audit")),
        (
            training.build_parser(),
            (
                "train",
                "pictures",
                "average",
                "federate",
                "make",
                "evaluate",
                "compress",
                "prune",
                "survey",
                "pages",
                "sheets",
                "publish",
                "sign",
                "audit",
                "attack",
            ),
        ),
    ):
        for verb in verbs:
            with pytest.raises(SystemExit):
                parser.parse_args([verb, "--help"])
        known += capsys.readouterr().out + parser.format_help()
    for code in inline_code():
        if option := re.match(rf"(?:{PYTHON} (?:app|training) )?(--[a-z-]+)", code.text):
            assert option[1] in known, code
