"""Nothing of a client is kept, and nothing is reported: no picture in the log or on the disk, and no telemetry."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image, PngImagePlugin

from tests.conftest import PREVIOUS, ROOT
from tests.support.service import CANNOT_WRITE, TIMEOUT_S, Service, serving
from training.datasets.mnist import Digits

MARK = b"a-mark-that-no-one-else-writes-"  # 31 bytes: in base64 it reads the same at every third place


def marked(pixels: Any) -> bytes:
    """The digit as a PNG with the mark in its text, and behind its end."""
    file = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", MARK.decode())
    Image.fromarray(pixels).save(file, "PNG", pnginfo=text)
    return file.getvalue() + MARK


def traces_of(content: bytes, pixels: bytes) -> list[bytes]:
    """What gives the picture away: its bytes, the mark, its pixels, plain, in base64 and as Python shows it."""
    middle = len(content) // 2 // 3 * 3
    parts = [MARK, content[middle : middle + 24], pixels[28 * 12 : 28 * 12 + 84]]
    encoded = [base64.b64encode(part[shift:])[: 4 * ((len(part) - shift) // 3)] for part in parts for shift in range(3)]
    shown = [repr(part)[2:-1].encode() for part in parts]
    return [*parts, *encoded, *shown]


def requests(content: bytes, pixels: Any) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Pictures to every route that takes some, in every form; and such as are refused, or break something."""
    text = base64.b64encode(content).decode()
    json = {"Content-Type": "application/json"}
    form = (
        b'--limit\r\nContent-Disposition: form-data; name="a"; filename="' + MARK + b'.png"\r\n\r\n'
        + content + bytes(2_000_000) + b"\r\n--limit--\r\n"
    )  # fmt: skip  # larger than what a framework keeps in memory
    images = orjson.dumps({"images": [text, "data:image/png;base64," + text]})
    instances = orjson.dumps({"instances": [{"b64": text}]})
    numbers = orjson.dumps({"instances": pixels[np.newaxis].tolist()})
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
    npy = io.BytesIO()
    np.save(npy, pixels[np.newaxis])
    for path in ("/predict", "/read", "/explain", "/invocations", "/corrections"):
        yield path, content, {}
        yield path, content, {"Origin": "https://a.example"}
        yield path, content[: len(content) // 2], {}
        yield path, MARK + content, {}
        yield path, images, json
        yield path, images[:-9], json
        yield path, form, {"Content-Type": "multipart/form-data; boundary=limit"}
        yield path, form[:-30], {"Content-Type": "multipart/form-data; boundary=limit"}
    yield "/invocations", npy.getvalue(), {"Content-Type": "application/x-npy"}
    for verb in ("predict", "explain", "nothing"):
        yield f"/v1/models/digits:{verb}", instances, json
        yield f"/v1/models/digits:{verb}", numbers, json
        yield f"/v1/models/digits:{verb}", instances[:-9], json
    for path in ("/v2/models/digits/infer", f"/v2/models/digits/versions/{PREVIOUS}/infer"):
        yield path, orjson.dumps({"inputs": [tensor]}), json
        yield path, orjson.dumps({"inputs": [tensor | {"data": [MARK.decode()]}]}), json
        yield path, pixels.tobytes(), {"Inference-Header-Content-Length": "0"}
    for path in ("/v2/repository/index", "/v2/repository/models/digits/load", "/v2/repository/models/digits/unload"):
        yield path, content, {}
    yield "/predict?note=" + text[:200].replace("+", "%2B"), content, {"X-Request-ID": "named"}
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/models", "/models/digits", "/ping"):
        yield path, content, {}
    for path in (
        "/v1/models",
        "/v1/models/digits",
        "/v2",
        "/v2/health/live",
        "/v2/models/digits",
        "/docs",
        "/openapi.json",
    ):
        yield path, content, {}


def ask(service: Service, path: str, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(service.address + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def written_since(began: float, *folders: Path) -> Iterator[Path]:
    """The files below these that were written in this test."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= began and ".git" not in path.parts:
                yield path


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "two workers"])
def test_no_picture_is_in_the_log_or_on_the_disk(options: tuple[str, ...], test_digits: Digits, tmp_path: Path) -> None:
    pixels = test_digits.images[0]
    content = marked(pixels)
    began = time.time() - 1
    log = tmp_path / "log"
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    scratch.mkdir()
    home.mkdir()
    verbose = ("--device", "cpu", "--log-level", "debug", "--access-log", "true", "--version-policy", "all", *options)
    with serving(*verbose, TMPDIR=str(scratch), HOME=str(home), PYTHONASYNCIODEBUG="1") as service:
        statuses = {(path, ask(service, path, body, headers)) for path, body, headers in requests(content, pixels)}
        assert {200, 400, 403, 405, 415} <= {status for _, status in statuses}
        assert not [each for each in statuses if each[1] >= 500]
        memory = [each for each in written_since(began, Path("/dev/shm")) if os.access(each, os.R_OK)]
        on_disk = {each: each.read_bytes() for each in (*written_since(began, scratch, home, ROOT / "app"), *memory)}
        service.process.terminate()
        assert service.process.stderr
        log.write_text(service.process.stderr.read())
        assert service.process.wait(TIMEOUT_S) == 0
    on_disk |= {each: each.read_bytes() for each in written_since(began, scratch, home)}
    said = log.read_bytes()
    assert b"app.access: POST /predict 200" in said
    for trace in traces_of(content, pixels.tobytes()):
        assert trace not in said
        assert [each for each, kept in on_disk.items() if trace in kept] == []


def test_what_the_test_looks_for_would_be_found(test_digits: Digits) -> None:
    pixels = test_digits.images[0]
    content = marked(pixels)
    traces = traces_of(content, pixels.tobytes())
    for shift in range(3):
        leaked = base64.b64encode(b"x" * shift + content)
        assert any(trace in leaked for trace in traces)
    for leak in (content, repr(content).encode(), pixels.tobytes(), base64.b64encode(pixels.tobytes())):
        assert any(trace in leak for trace in traces)


def test_pictures_are_never_written_to_disk_or_log(tmp_path: Path) -> None:
    """A form of 3 MB, which a framework would spool to a file, sent to a process that may not write a byte to one."""
    picture = tmp_path / "secret-name.png"
    picture.write_bytes((ROOT / "app/web/static/seven.png").read_bytes() + bytes(3_000_000))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with serving("--log-level", "debug", within=CANNOT_WRITE, TMPDIR=str(scratch)) as service:
        form = ["curl", "-s", "-F", f"file=@{picture}", service.address + "/predict"]
        response = subprocess.run(form, capture_output=True, check=True, timeout=TIMEOUT_S)
        assert json.loads(response.stdout)["predictions"][0]["digit"] == 7
        service.process.send_signal(signal.SIGINT)
        assert service.process.stderr
        log = service.process.stderr.read()
    assert not list(scratch.iterdir())  # not even an empty file of a library's
    assert "loaded digits" in log
    assert "secret-name" not in log


# --- telemetry of onnxruntime -----------------------------------------------------------------------------------------


def files_written_by(code: str, home: Path) -> list[Path]:
    """In a home folder and a folder for temporary files that are empty before."""
    home.mkdir()
    # Nothing else of our environment: onnxruntime reports nothing where CI or the like is set, and no test could fail.
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=TIMEOUT_S)
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("module", ["app.__main__", "app.main", "app.inference.cuda", "training.evaluation.pages"])
def test_onnxruntimes_telemetry_is_off_wherever_it_is_imported_first(module: str, tmp_path: Path) -> None:
    """On the command line, under another server, and in training."""
    code = f"import {module}, sys; assert 'onnxruntime' in sys.modules"
    assert files_written_by(code, tmp_path / "home") == []


def test_onnxruntimes_telemetry_would_be_on_otherwise(tmp_path: Path) -> None:
    """A thread of onnxruntime's writes the file, some time after the import."""
    home = tmp_path / "home"
    wait = f"""
import pathlib, time
home, deadline = pathlib.Path({str(home)!r}), time.monotonic() + {TIMEOUT_S / 2}
while not any(path.is_file() for path in home.rglob("*")) and time.monotonic() < deadline:
    time.sleep(0.05)
"""
    assert files_written_by(f"import onnxruntime\n{wait}", home)
