"""What decoding takes is known before: estimates beside the peaks of a real process."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from app.formats.memory import FIXED_BYTES, bytes_per_pixel, decoding_bytes
from app.preprocessing.decode import DRAFT_SIDE, open_picture
from tests.conftest import ROOT
from tests.support.document_files import heic_of

WIDTH, HEIGHT = 4000, 3000
# Decodes a file in a process of its own and prints by how much its memory grew at most, in bytes.
MEASURE = """
import io, sys
from PIL import Image
import pillow_heif
from app.preprocessing.decode import decode, open_picture
from app.preprocessing.normalize import to_image
from app.runtime import configure_runtime

configure_runtime()
pillow_heif.register_heif_opener()
def value(name):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(name + ":")]
    return int(line.split()[1]) * 1024
for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "HEIF"):
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, kind)
    decode(open_picture(file.getvalue(), 10**6))
content = open(sys.argv[1], "rb").read()
open("/proc/self/clear_refs", "w").write("5")
before = value("VmRSS")
to_image(open_picture(content, 10**9))
print(value("VmHWM") - before)
"""


def page(mode: str) -> Pillow.Image:
    grey = np.full((HEIGHT, WIDTH), 255, np.uint8)
    cv2.putText(grey, "7", (800, 2700), cv2.FONT_HERSHEY_SIMPLEX, 90, (0,), 200)
    if mode in ("I;16", "I", "F"):
        return Pillow.fromarray(grey.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    return Pillow.fromarray(grey).convert("RGB").convert(mode)


def saved(kind: str, mode: str, **options: Any) -> bytes:
    file = io.BytesIO()
    page(mode).save(file, kind, **options)
    return file.getvalue()


def animated_webp() -> bytes:
    frames = [page("RGBA"), page("RGBA").rotate(180)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], method=0)
    return file.getvalue()


def png_of_48_bits() -> bytes:
    return cv2.imencode(".png", np.asarray(page("RGB")).astype(np.uint16) * 257)[1].tobytes()


def rotated() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return exif


TIFF = {"compression": "tiff_lzw"}
FILES: dict[str, Callable[[], bytes]] = {
    "PNG L": lambda: saved("PNG", "L"),
    "PNG RGBA": lambda: saved("PNG", "RGBA"),
    "PNG P": lambda: saved("PNG", "P"),
    "PNG LA": lambda: saved("PNG", "LA"),
    "PNG I;16": lambda: saved("PNG", "I;16"),
    "PNG RGB of 16 bits": png_of_48_bits,
    "JPEG": lambda: saved("JPEG", "RGB"),
    "JPEG 4:4:4 progressive": lambda: saved("JPEG", "RGB", progressive=True, subsampling=0),
    "JPEG CMYK progressive": lambda: saved("JPEG", "CMYK", progressive=True),
    "JPEG rotated": lambda: saved("JPEG", "RGB", exif=rotated()),
    "WEBP lossy": lambda: saved("WEBP", "RGB", method=0),
    "WEBP lossless RGBA": lambda: saved("WEBP", "RGBA", method=0, lossless=True),
    "WEBP animated": animated_webp,
    "BMP": lambda: saved("BMP", "RGB"),
    "GIF": lambda: saved("GIF", "P"),
    "TIFF L": lambda: saved("TIFF", "L", **TIFF),
    "TIFF RGBA": lambda: saved("TIFF", "RGBA", **TIFF),
    "TIFF I;16": lambda: saved("TIFF", "I;16", **TIFF),
    "TIFF I": lambda: saved("TIFF", "I", **TIFF),
    "TIFF F": lambda: saved("TIFF", "F", **TIFF),
    "TIFF in one strip, rotated": lambda: saved("TIFF", "RGB", **TIFF, tiffinfo={278: HEIGHT, 274: 6}),
    "TIFF tiled": lambda: saved("TIFF", "RGB", **TIFF, tiffinfo={322: 4096, 323: 4096}),
    "TIFF of JPEG": lambda: saved("TIFF", "RGB", compression="jpeg"),
    "HEIC": lambda: heic_of(np.asarray(page("RGB"))),
    "HEIC RGBA": lambda: heic_of(np.asarray(page("RGBA"))),
}


def peak_of(content: bytes, folder: Path) -> int:
    file = folder / "picture"
    file.write_bytes(content)
    command = [sys.executable, "-c", MEASURE, str(file)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("name", FILES)
def test_a_process_takes_no_more_than_was_estimated(name: str, tmp_path: Path) -> None:
    content = FILES[name]()
    estimated = decoding_bytes(open_picture(content, 10**9), DRAFT_SIDE)
    peak = peak_of(content, tmp_path)
    assert peak <= estimated
    assert estimated <= 2.5 * peak + FIXED_BYTES  # and not so much that it is refused for nothing


def test_only_a_jpeg_of_several_scans_keeps_its_coefficients() -> None:
    def bytes_of(**options: Any) -> float:
        return bytes_per_pixel(open_picture(saved("JPEG", "RGB", **options), 10**9), DRAFT_SIDE)

    assert bytes_of() == 7 / 16  # decoded at a quarter of its size
    assert bytes_of(progressive=True, subsampling=0) == 7 / 16 + 6
    assert bytes_of(progressive=True, subsampling=2) == 7 / 16 + 3


def test_damaged_file_whose_samples_have_no_size_is_estimated() -> None:
    """A progressive JPEG with sampling factors of 0."""
    file = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(file, "JPEG", progressive=True)
    content = bytearray(file.getvalue())
    frame = content.index(b"\xff\xc2")  # marker, length, precision, height, width, and 3 bytes for each component
    for component in range(3):
        content[frame + 11 + 3 * component] = 0
    assert decoding_bytes(open_picture(bytes(content), 10**6), DRAFT_SIDE) >= FIXED_BYTES
