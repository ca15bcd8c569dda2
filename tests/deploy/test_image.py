"""The container image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from app import __version__
from tests.conftest import ROOT
from tests.support.service import CANNOT_WRITE, TIMEOUT_S, Service, serving

DOCKERFILE = (ROOT / "Dockerfile").read_text()
ADDRESS_VARIABLES = ("DIGITS_HOST", "DIGITS_PORT", "DIGITS_UDS", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT")
BLOCKED = "1"  # a port on which nothing listens


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu", "--host", "0.0.0.0") as service:
        yield service


def health_check(**variables: str) -> subprocess.CompletedProcess[str]:
    """As the image runs it, with these variables of the service's address and no others."""
    clean = {name: value for name, value in os.environ.items() if name not in ADDRESS_VARIABLES}
    command = [sys.executable, str(ROOT / "deploy/healthcheck.py")]
    return subprocess.run(
        command, env=clean | variables, check=False, capture_output=True, text=True, timeout=TIMEOUT_S
    )


def test_image_leaves_the_port_open_and_checks_its_health_without_further_programs() -> None:
    assert "DIGITS_PORT=" not in DOCKERFILE
    assert re.search(r'^HEALTHCHECK .* CMD \["python", "healthcheck.py"\]$', DOCKERFILE, re.MULTILINE)
    assert re.search(r"^COPY deploy/healthcheck.py \./$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize(
    "variables",
    [
        {"DIGITS_PORT": "PORT"},
        {"AIP_HTTP_PORT": "PORT"},
        {"SAGEMAKER_BIND_TO_PORT": "PORT"},
        {"PORT": "PORT"},
        {"AIP_HTTP_PORT": "PORT", "PORT": BLOCKED},
        {"DIGITS_PORT": "PORT", "AIP_HTTP_PORT": BLOCKED},
        {"DIGITS_PORT": "", "AIP_HTTP_PORT": "PORT"},
        {"DIGITS_PORT": "tcp://10.0.0.1:80", "AIP_HTTP_PORT": "PORT"},
        {"DIGITS_HOST": "127.0.0.1", "DIGITS_PORT": "PORT"},
        {"DIGITS_HOST": "0.0.0.0", "DIGITS_PORT": "PORT"},
        {"DIGITS_HOST": "::", "DIGITS_PORT": "PORT"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "DIGITS_PORT": "PORT"},
    ],
    ids=str,
)
def test_health_check_finds_the_service(service: Service, variables: dict[str, str]) -> None:
    filled = {name: value.replace("PORT", str(service.port)) for name, value in variables.items()}
    checked = health_check(**filled)
    assert (checked.returncode, checked.stdout) == (0, "200\n"), checked.stderr


@pytest.mark.parametrize("variables", [{"DIGITS_PORT": BLOCKED}, {"AIP_HTTP_PORT": BLOCKED}, {"DIGITS_UDS": "/none"}])
def test_health_check_fails_in_one_line_where_nothing_answers(variables: dict[str, str]) -> None:
    checked = health_check(**variables)
    assert checked.returncode == 1
    assert len(checked.stdout.splitlines()) == 1
    assert checked.stderr == ""


def test_health_check_finds_a_unix_socket(tmp_path: Path) -> None:
    with serving("--device", "cpu", "--uds", str(tmp_path / "digits.sock")):
        assert health_check(DIGITS_UDS=str(tmp_path / "digits.sock")).stdout == "200\n"


def test_everything_that_is_copied_reaches_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE)
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(fnmatch(source, rule[1:]) for rule in rules), source


def test_images_have_what_tracing_needs() -> None:
    for name in ("cpu", "gpu"):
        pins = (ROOT / f"requirements/{name}.txt").read_text()
        for library in ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
            assert re.search(rf"^{library}==", pins, re.MULTILINE)


# May read every file, as an image's user may, wherever the Python that runs the tests is. May not write one.
ANY_USER = ("setpriv", "--reuid=12345", "--regid=0", "--clear-groups")
MAY_READ = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
NO_HOME = ("env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME")


@pytest.mark.skipif(shutil.which("setpriv") is None or os.getuid() != 0, reason="needs root and setpriv")
@pytest.mark.parametrize("options", [("--workers", "1"), ("--workers", "2"), ("--tracing", "true")], ids=str)
def test_service_runs_as_any_user_without_a_home_and_writes_nothing(options: tuple[str, str]) -> None:
    """As `docker run --read-only --user 12345:0` and OpenShift start it: no entry in /etc/passwd, no HOME."""
    within = (*ANY_USER, *MAY_READ, *NO_HOME, *(() if "2" in options else CANNOT_WRITE))  # workers share memory files
    with serving("--device", "cpu", *options, within=within, PYTHONDONTWRITEBYTECODE="1") as service:
        assert service.get("/health/ready")[0] == 200
        service.process.terminate()
        assert service.process.wait(TIMEOUT_S) == 0


def test_image_is_labelled_with_the_version_and_the_source_revision() -> None:
    assert re.search(rf"^ARG VERSION={re.escape(__version__)}$", DOCKERFILE, re.MULTILINE)
    assert 'org.opencontainers.image.version="${VERSION}"' in DOCKERFILE
    assert 'org.opencontainers.image.revision="${REVISION}"' in DOCKERFILE
    assert re.search(r"^ENV DIGITS_REVISION=\${REVISION}$", DOCKERFILE, re.MULTILINE)  # the metrics name it
