"""The libraries that decode pictures: nothing changes by an import, everything by one call."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import warnings

import pytest
from PIL import Image, _imaging

from app.runtime import configure_runtime
from tests.conftest import ROOT

DAMAGED_TIFF = """
import io, os
from PIL import Image
file = io.BytesIO()
Image.frombytes("L", (200, 200), os.urandom(40_000)).save(file, "TIFF", compression="tiff_lzw")
content = bytearray(file.getvalue())
content[20_000:20_100] = b"\\xff" * 100
try:
    Image.open(io.BytesIO(content)).load()
except OSError:
    print("refused")
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)


def test_an_import_changes_nothing() -> None:
    printed = run(
        "import cv2, numpy, warnings\n"
        "from PIL import Image\n"
        "before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)\n"
        "from app.preprocessing import normalize, pool\n"
        "print(before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters)))\n"
    )
    assert printed.stdout == "True\n"


@pytest.mark.parametrize(("configure", "silent"), [("", False), ("configure_runtime()", True)])
def test_libtiff_writes_to_standard_error_until_it_is_silenced(configure: str, silent: bool) -> None:
    damaged = run(f"from app.runtime import configure_runtime\n{configure}\n{DAMAGED_TIFF}")
    assert damaged.stdout == "refused\n"
    assert (damaged.stderr == "") == silent, damaged.stderr


@pytest.mark.parametrize("name", ["TIFFSetErrorHandler", "TIFFSetWarningHandler"])
def test_pillows_extension_module_gives_access_to_libtiff(name: str) -> None:
    library = ctypes.CDLL(_imaging.__file__)
    assert hasattr(library, name), f"PIL._imaging no longer gives access to {name}: silence_libtiff has no effect"


def test_pillow_has_no_limit_and_no_warnings_of_its_own() -> None:
    configure_runtime()
    assert Image.MAX_IMAGE_PIXELS is None
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn_explicit("an odd file", UserWarning, "TiffImagePlugin.py", 1, "PIL.TiffImagePlugin")
    assert caught == []


def test_a_second_call_changes_nothing() -> None:
    configure_runtime()
    once = list(warnings.filters)
    configure_runtime()
    assert list(warnings.filters) == once
