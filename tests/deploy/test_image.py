"""The container image."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, serving


def test_image_leaves_the_port_open_and_its_health_check_finds_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "DIGITS_PORT=" not in dockerfile
    found = re.search(r"^HEALTHCHECK .*\n\s+CMD (\[.*\])$", dockerfile, re.MULTILINE)
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
