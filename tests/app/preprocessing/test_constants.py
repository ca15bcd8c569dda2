"""The constants are written once: Python and JavaScript read them from one file."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from app import arrays
from app.preprocessing.constants import CONSTANTS, GROUPS, as_es_module
from app.web.offline_files import STATIC
from tests.conftest import ROOT

PYTHON = "".join(path.read_text() for path in ROOT.joinpath("app/preprocessing").glob("*.py"))
SCRIPTS = {path.name: path.read_text() for path in sorted((STATIC / "ondevice").glob("*.js"))}
# Those of which formulas and OpenCV's parameters are made: halves, squares, neighbours, kernels of 3, bytes.
STRUCTURAL_NUMBERS = {"0", "0.5", "1", "2", "3", "4", "8", "255", "256"}


@pytest.mark.parametrize("group", GROUPS)
def test_each_constant_has_a_value_a_unit_and_a_reason(group: str) -> None:
    for entry in GROUPS[group].values():
        assert isinstance(entry["value"], int | float)
        assert entry["unit"]
        assert entry["why"]
        assert len(entry) == 3


def test_no_two_constants_have_the_same_name() -> None:
    assert len(CONSTANTS) == sum(map(len, GROUPS.values()))


@pytest.mark.parametrize("name", sorted(set(CONSTANTS) - {"IMAGE_SIZE"}))
def test_each_constant_is_read_in_python(name: str) -> None:
    assert f'integer("{name}")' in PYTHON or f'number("{name}")' in PYTHON


def test_the_size_of_an_image_is_that_of_its_type() -> None:
    assert CONSTANTS["IMAGE_SIZE"] == arrays.IMAGE_SIZE


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_each_constant_is_imported_in_javascript(name: str) -> None:
    imports = re.findall(r'import \{([^}]*)\} from "./constants.js"', "".join(SCRIPTS.values()))
    assert name in re.findall(r"\w+", " ".join(imports))


@pytest.mark.parametrize("script", SCRIPTS)
def test_javascript_writes_no_constant_a_second_time(script: str) -> None:
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"", "", SCRIPTS[script], flags=re.DOTALL)
    numbers = set(re.findall(r"(?<![\w.])\d[\d_]*\.?\d*(?![\w.])", code))
    assert numbers <= STRUCTURAL_NUMBERS


def test_the_browser_gets_the_constants_as_a_module(plain_client: TestClient) -> None:
    module = plain_client.get("/static/ondevice/constants.js")
    assert module.status_code == 200
    assert module.headers["content-type"].startswith("text/javascript")
    assert module.text == as_es_module()
    assert "export const CENTRE_OF_MASS = 14.0;\n" in module.text
