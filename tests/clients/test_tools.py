"""curl, wget, ab and wrk, with the options that people use."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Files, Way
from tests.support.service import TIMEOUT_S

VERSIONS = ("--http1.1", "--http2", "--http1.0")
PNG = ("-H", "Content-Type: image/png")
EXPECT = ("-H", "Expect: 100-continue")


def run(*command: str | Path, stdin: Path | None = None) -> str:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with (stdin or Path("/dev/null")).open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.stdout + done.stderr


def curl(way: Way, path: str, *options: str | Path, stdin: Path | None = None) -> tuple[int, str]:
    """The status and the body."""
    trust = ("--cacert", way.certificate) if way.certificate else ()
    out = run("curl", "-sS", *trust, "-w", "\n%{http_code}", *options, way.address + path, stdin=stdin)
    body, _, status = out.rpartition("\n")
    return int(status), body


def assert_seven(response: tuple[int, str]) -> None:
    status, body = response
    assert status == 200, body
    assert json.loads(body)["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("version", VERSIONS)
def test_curl_probes(way: Way, version: str) -> None:
    assert curl(way, "/v2/health/ready", version) == (200, '{"ready":true}')
    status, head = curl(way, "/v2/health/ready", version, "-I")
    assert status == 200
    assert "content-length: 14" in head.lower()


@pytest.mark.parametrize("version", VERSIONS)
def test_curl_sends_a_picture(way: Way, files: Files, version: str) -> None:
    assert_seven(curl(way, "/predict", version, "--data-binary", f"@{files.picture}"))
    assert_seven(curl(way, "/predict", version, *PNG, "--data-binary", "@-", stdin=files.picture))
    assert_seven(
        curl(way, "/predict", version, *PNG, "-H", "Expect: 100-continue", "--data-binary", f"@{files.picture}")
    )
    assert_seven(curl(way, "/predict", version, "-F", f"a=@{files.picture}"))
    assert_seven(curl(way, "/predict", version, "-X", "POST", "-T", files.picture))
    assert_seven(curl(way, "/predict/", version, *PNG, "--data-binary", f"@{files.picture}"))


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_sends_a_stream(way: Way, files: Files, version: str) -> None:
    """Its length is unknown: in chunks, which HTTP/1.0 has not."""
    assert_seven(curl(way, "/predict", version, "-X", "POST", "-T", "-", stdin=files.picture))


def test_curl_that_uploads_by_put_learns_the_method(way: Way, files: Files) -> None:
    status, text = curl(way, "/predict", "-i", "-T", files.picture)
    assert status == 405
    assert re.search("^allow: POST", text, re.MULTILINE | re.IGNORECASE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
def test_curl_can_read_why_an_upload_is_too_large(way: Way, files: Files, version: str, expect: str) -> None:
    status, text = curl(way, "/predict", version, *PNG, "-H", expect, "--data-binary", f"@{files.large}")
    assert status == 413
    assert json.loads(text)["type"] == "urn:digits:problem:body-too-large"


def test_curl_keeps_its_connection(way: Way, files: Files) -> None:
    url = f"{way.address}/predict"
    trust = ("--cacert", way.certificate) if way.certificate else ()
    one = ("-s", *trust, *PNG, "--data-binary", f"@{files.picture}", "-w", "\n%{num_connects}\n", url)
    out = run("curl", *one, "--next", *one, "--next", *one)
    assert out.count('"digit":7') == 3
    assert re.findall(r"^\d$", out, re.MULTILINE) == ["1", "0", "0"]


def test_wget_probes_and_sends_a_picture(way: Way, files: Files) -> None:
    trust = (f"--ca-certificate={way.certificate}",) if way.certificate else ()
    assert '"ready":true' in run("wget", *trust, "-qO-", f"{way.address}/v2/health/ready")
    assert "200 OK" in run("wget", *trust, "--spider", f"{way.address}/v2/health/ready")
    post = ("wget", *trust, "-qO-", "--content-on-error", "--tries=1")
    assert '"digit":7' in run(*post, f"--post-file={files.picture}", f"{way.address}/predict")
    assert "body-too-large" in run(*post, f"--post-file={files.large}", f"{way.address}/predict")


@pytest.mark.parametrize("keep_alive", [(), ("-k",)], ids=["a connection each", "keep-alive"])
def test_ab_gets_an_answer_to_each_request(way: Way, files: Files, keep_alive: tuple[str, ...]) -> None:
    """ApacheBench speaks HTTP/1.0."""
    out = run(
        "ab", "-n", "20", "-c", "2", *keep_alive, "-p", files.picture, "-T", "image/png", f"{way.address}/predict"
    )
    assert re.search(r"Complete requests: +20\nFailed requests: +0\n", out), out
    assert "Non-2xx" not in out


def test_wrk_gets_only_successes(way: Way) -> None:
    out = run("wrk", "-t", "1", "-c", "2", "-d", "1", f"{way.address}/v2/health/ready")
    assert "requests in" in out
    assert "Non-2xx" not in out
    assert "Socket errors" not in out
