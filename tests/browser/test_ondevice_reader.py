"""ondevice_reader.js: the browser makes the same image of every kind of picture as the service, and reads the same."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from playwright.sync_api import Browser, Error, Page

from app.arrays import Image
from app.errors import BlankPicture, SeveralDigits
from app.preprocessing.decode import decode, open_picture
from app.preprocessing.normalize import preprocess
from app.web import offline_files
from tests.conftest import NEWEST, ROOT
from tests.support.generated_pictures import generated_pixels
from tests.support.mnist_pictures import encode_png
from tests.support.picture_kinds import PICTURE_KINDS, PictureKind
from tests.support.pictures import MAX_PIXELS
from training.datasets.mnist import Digits

PROBABILITY_TOLERANCE = 1e-4

pytestmark = pytest.mark.skipif(
    not offline_files.RUNTIME.is_dir(), reason="the page's runtime is not installed: make runtime"
)


@pytest.fixture(scope="module")
def page_with_reader(browser: Browser, service: str) -> Iterator[Page]:
    """The page, with its on-device reader as the global `reader`."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(service)
    page.evaluate(
        """async () => {
            const { loadReader } = await import("/static/ondevice_reader.js");
            globalThis.reader = await loadReader({ signal: new AbortController().signal, onprogress: () => {} });
        }"""
    )
    yield page
    context.close()


@pytest.mark.parametrize("kind", PICTURE_KINDS, ids=lambda kind: kind.__name__)
def test_a_picture_is_read_as_the_service_reads_it(page_with_reader: Page, service: str, kind: PictureKind) -> None:
    compare(page_with_reader, service, kind, range(5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", PICTURE_KINDS, ids=lambda kind: kind.__name__)
def test_a_thousand_pictures_are_read_as_the_service_reads_them(
    page_with_reader: Page, service: str, kind: PictureKind
) -> None:
    compare(page_with_reader, service, kind, range(1000, 1000 + 1000 // len(PICTURE_KINDS) + 1))


def image_in_python(content: bytes) -> Image:
    """As the service makes it, of pages of digits too, which it refuses and the browser does not."""
    return preprocess(decode(open_picture(content, MAX_PIXELS)))


@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_generated_pictures_become_the_same_images(page_with_reader: Page, count: int, test_digits: Digits) -> None:
    """Frames within frames, combs, noise: most are no digits, and some are blank to both."""
    for index in range(count):
        picture = encode_png(generated_pixels(default_rng(index), test_digits.images))
        in_browser = read_in_browser(page_with_reader, picture)
        if in_browser is None:
            with pytest.raises(BlankPicture):
                image_in_python(picture)
        else:
            # In one of a thousand a value is rounded the other way.
            assert np.abs(np.subtract(in_browser["seen"], image_in_python(picture).ravel())).max() <= 1, index


def compare(page: Page, service: str, kind: PictureKind, indices: range) -> None:
    for index in indices:
        picture = encode_png(kind(index, default_rng(index)))
        in_browser, by_service = read_in_browser(page, picture), read_by_service(service, picture)
        assert (in_browser is None) == (by_service is None), f"only one of them finds the picture blank: {index}"
        if in_browser:
            assert in_browser["seen"] == image_in_python(picture).ravel().tolist(), f"the images differ: {index}"
        if in_browser and by_service:
            assert in_browser["digit"] == by_service["digit"], index
            assert in_browser["accepted"] == by_service["accepted"], index
            difference = np.abs(np.subtract(in_browser["probabilities"], by_service["probabilities"])).max()
            assert difference <= PROBABILITY_TOLERANCE, index


def read_in_browser(page: Page, picture: bytes) -> dict[str, Any] | None:
    """The browser's prediction, with the values of the image as `seen`; None if the picture is blank."""
    prediction: dict[str, Any] | None = page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
            try {
                const { predictions } = await reader.predict(new Blob([bytes], { type: "image/png" }));
                const context = new OffscreenCanvas(28, 28).getContext("2d");
                context.drawImage(predictions[0].seen, 0, 0);
                const { data } = context.getImageData(0, 0, 28, 28);
                return { ...predictions[0], seen: Array.from(data.filter((_, i) => i % 4 === 0)) };
            } catch (problem) {
                if (problem.type !== "urn:digits:problem:blank-picture") throw problem;
                return null;
            }
        }""",
        base64.b64encode(picture).decode(),
    )
    return prediction


def read_by_service(service: str, picture: bytes) -> dict[str, Any] | None:
    """The service's prediction; None if the picture is blank, and nothing in it if it shows several digits."""
    try:
        with urllib.request.urlopen(service + "predict", data=picture) as answer:
            prediction: dict[str, Any] = json.load(answer)["predictions"][0]
            return prediction
    except urllib.error.HTTPError as error:
        if error.code != 422:
            raise
        return {} if json.load(error)["type"].endswith(SeveralDigits.slug) else None


# --- what the browser downloads and may run ---------------------------------------------------------------------------


def test_the_worker_may_fetch_nothing_and_the_page_may_compile_nothing(page: Page, service: str) -> None:
    with urllib.request.urlopen(service + "static/ondevice/worker.js") as answer:
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'self' 'unsafe-eval'"
    with pytest.raises(Error, match="Content Security Policy"):
        page.evaluate("WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))")


def test_the_downloaded_graph_is_the_served_one(service: str) -> None:
    with urllib.request.urlopen(service + f"models/digits/{NEWEST}/model.onnx") as answer:
        assert answer.read() == (ROOT / f"models/digits/{NEWEST}/model.onnx").read_bytes()


@pytest.mark.parametrize("path", ["models/digits/99/model.onnx", "models/nobody/1/model.onnx"])
def test_there_is_no_graph_of_a_model_that_is_not_served(service: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(service + path)
