"""The container image."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

from app import __version__
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, serving

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_image_leaves_the_port_open_and_its_health_check_finds_it() -> None:
    assert "DIGITS_PORT=" not in DOCKERFILE
    found = re.search(r"^HEALTHCHECK .*\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    _, *arguments = ast.literal_eval(found[1])
    names = ("DIGITS_PORT", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    with serving("--device", "cpu") as service:
        port = service.address.rsplit(":", 1)[1]
        for environment, status in (
            [({name: port}, 0) for name in names]
            + [({name: "1"}, 1) for name in names]
            + [({"DIGITS_PORT": port, "AIP_HTTP_PORT": "1"}, 0), ({"AIP_HTTP_PORT": "1"}, 1)]
        ):
            check = subprocess.run(
                [sys.executable, *arguments],
                env=clean | environment,
                check=False,
                capture_output=True,
                timeout=TIMEOUT_S,
            )
            assert check.returncode == status, environment


def test_image_is_labelled_with_the_version_and_the_source_revision() -> None:
    assert re.search(rf"^ARG VERSION={re.escape(__version__)}$", DOCKERFILE, re.MULTILINE)
    assert 'org.opencontainers.image.version="${VERSION}"' in DOCKERFILE
    assert 'org.opencontainers.image.revision="${REVISION}"' in DOCKERFILE
