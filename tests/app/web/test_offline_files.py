"""The files that browsers keep, and the script of the service worker."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.web import offline_files


def kept(script: str) -> dict[str, Any]:
    """What the server has put before the script."""
    offline: dict[str, Any] = json.loads(script.splitlines()[0].removeprefix("const OFFLINE = ").removesuffix(";"))
    return offline


def test_every_kept_file_is_served(client: TestClient) -> None:
    offline = kept(client.get("/service_worker.js").text)
    assert {"", "static/page.js", "static/style.css"} <= {*offline["page"]}
    for name in (*offline["page"], *offline["reader"]):
        assert client.get(f"/{name}", headers={"Accept": "text/html"}).status_code == 200, name


def test_browsers_ask_for_the_script_each_time(client: TestClient) -> None:
    answer = client.get("/service_worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"


@pytest.mark.parametrize("name", ["page.js", "index.html", "service_worker.js"])
def test_the_version_changes_with_every_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    static = tmp_path / "static"
    shutil.copytree(offline_files.STATIC, static, ignore=shutil.ignore_patterns("runtime"))
    monkeypatch.setattr(offline_files, "STATIC", static)
    monkeypatch.setattr(offline_files, "RUNTIME", static / "runtime")
    before = offline_files.service_worker.__wrapped__()
    with (static / name).open("a") as file:
        file.write("\n")
    after = offline_files.service_worker.__wrapped__()
    assert before != after
    assert kept(after)["reader"] == []  # without the runtime nothing is offered to keep
