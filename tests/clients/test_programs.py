"""Clients of many languages send what they send: chunks, forms, gzip, Expect, offers of HTTP/2, and too much.

Each program in `programs/` prints a line for each of its requests: name, status, body. docs/clients.md has the results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients.conftest import Files, Way
from tests.support.service import TIMEOUT_S

FOLDER = Path(__file__).parent / "programs"
REQUIRED = {"probe", "head", "post", "too large", "again"}


class Program(NamedTuple):
    needs: str  # the executable that runs it
    command: tuple[str, ...]  # before the arguments: base, picture, large file
    last: tuple[str, ...] = ()  # behind them


PROGRAMS = {
    **{
        f"Python {library}": Program(sys.executable, (sys.executable, "client.py"), (library,))
        for library in ("urllib", "http.client", "requests", "httpx", "aiohttp")
    },
    "Node http": Program("node", ("node", "client.mjs"), ("http",)),
    "Node fetch": Program("node", ("node", "client.mjs"), ("fetch",)),
    "JDK HttpClient": Program("java", ("java", "Jdk.java"), ("HTTP_2",)),
    "JDK HttpClient, HTTP/1.1": Program("java", ("java", "Jdk.java"), ("HTTP_1_1",)),
    "JDK HttpURLConnection": Program("java", ("java", "Url.java")),
    "Go net/http": Program("go", ("go", "run", "main.go")),
    ".NET HttpClient": Program("dotnet", ("dotnet", "exec", "--runtimeconfig", "{runtime}", "{exe}")),
    "Mono HttpClient": Program("mono", ("mono", "{exe}")),
    "PHP streams": Program("php", ("php", "client.php"), ("streams",)),
    "PHP curl": Program("php", ("php", "client.php"), ("curl",)),
    "Ruby Net::HTTP": Program("ruby", ("ruby", "client.rb")),
    "Perl LWP": Program("perl", ("perl", "client.pl")),
}
FAST = [name for name in PROGRAMS if name.startswith(("Python", "Node"))]
EXCUSED = {
    (".NET HttpClient", "https"): ".NET Core 3.1 needs OpenSSL 1.1 for TLS",
    ("Mono HttpClient", "https"): "Mono trusts only the certificates of a store of its own",
}


@pytest.fixture(scope="module")
def dotnet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The compiled program and the configuration of .NET's runtime."""
    folder = tmp_path_factory.mktemp("dotnet")
    exe, runtime = folder / "Client.exe", folder / "runtime.json"
    framework = {"name": "Microsoft.NETCore.App", "version": "3.1.0"}
    invariant = {"System.Globalization.Invariant": True}
    options = {"framework": framework, "rollForward": "LatestMajor", "configProperties": invariant}
    runtime.write_text(json.dumps({"runtimeOptions": options}))
    if compiler := shutil.which("mcs"):
        subprocess.run([compiler, f"-out:{exe}", "-r:System.Net.Http.dll", FOLDER / "Client.cs"], check=True)
    return {"exe": str(exe), "runtime": str(runtime)}


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in PROGRAMS]
)
def test_program_is_served(name: str, way: Way, files: Files, dotnet: dict[str, str], tmp_path: Path) -> None:
    program = PROGRAMS[name]
    if not shutil.which(program.needs):
        pytest.skip(f"{program.needs} is not installed")
    if "{exe}" in program.command and not Path(dotnet["exe"]).exists():
        pytest.skip("mcs is not installed")
    if reason := EXCUSED.get((name, way.address.partition(":")[0])):
        pytest.skip(reason)
    responses = run(program, way, files, dotnet, tmp_path)
    assert set(responses) >= REQUIRED
    assert len(responses["again"]) == 3
    for request, results in responses.items():
        for status, text in results:
            assert_right(request, status, text)


def run(
    program: Program, way: Way, files: Files, dotnet: dict[str, str], cache: Path
) -> dict[str, list[tuple[int, str]]]:
    """The statuses and texts of the responses, by the request's name."""
    command = [part.format_map(dotnet) for part in program.command]
    environment = os.environ | way.environment | {"GOCACHE": str(cache), "GO111MODULE": "off", "CI": ""}
    if way.certificate:
        environment["CA"] = str(way.certificate)
    if way.trust_store and program.needs == "java":
        command[1:1] = [
            f"-Djavax.net.ssl.trustStore={way.trust_store}",
            "-Djavax.net.ssl.trustStorePassword=password",
        ]
    arguments = [*command, way.address, str(files.picture), str(files.large), *program.last]
    done = subprocess.run(
        arguments, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=3 * TIMEOUT_S, check=False
    )
    responses: dict[str, list[tuple[int, str]]] = {}
    for line in done.stdout.splitlines():
        request, status, text = line.split("\t")
        responses.setdefault(request, []).append((int(status), text))
    assert responses, done.stderr
    return responses


def assert_right(request: str, status: int, text: str) -> None:
    if request == "head":
        assert (status, text) == (200, "")
    elif request == "probe":
        assert (status, json.loads(text)) == (200, {"ready": True})
    elif request.startswith("too large"):
        assert status == 413, (request, text)
        assert "urn:digits:problem:body-too-large" in text
    else:
        assert status == 200, (request, text)
        assert json.loads(text)["predictions"][0]["digit"] == 7
