"""digits.js: the JavaScript client, in pages of the service and of another origin."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.support.mnist_pictures import mnist_png
from tests.support.service_process import free_port, serving

LIMITS = ("--max-batch-size", "2", "--max-queue-size", "2", "--max-body-bytes", "100000", "--max-pictures", "100")


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another origin, which serves one empty page."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><title>elsewhere</title>")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(SilentHandler, directory=folder)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def cors_service(tmp_path_factory: pytest.TempPathFactory, origin: str) -> Iterator[str]:
    """A service with low limits that allows pages of that origin to call it (CORS)."""
    with serving(tmp_path_factory.mktemp("cors_service"), "--cors-origins", origin, *LIMITS) as address:
        yield address


@pytest.fixture
def foreign_page(desktop: BrowserContext, origin: str) -> Page:
    page = desktop.new_page()
    page.goto(origin)
    return page


def call(page: Page, service: str, code: str, **values: Any) -> Any:
    """The value of `code`, or the members of its error. It sees the module as `digits`, and `values` by name."""
    return page.evaluate(
        f"""async ([address, {{ {", ".join(values)} }}]) => {{
            const digits = await import(`${{address}}static/digits.js`);
            const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
            const png = (text) => new Blob([bytes(text)], {{ type: "image/png" }});
            const run = async () => {{ {code} }};
            return run().catch((error) => ({{ ...error, name: error.name, message: error.message }}));
        }}""",
        [service, values],
    )


def picture(index: int) -> str:
    return base64.b64encode(mnist_png(index)[0]).decode()


# The two requests of a pair may happen to be served one after the other, and then neither is refused.
A_HUNDRED = "const ask = () => digits.predict(Array(100).fill(png(one)), { retries: 0 });"
PAIRS = "for (let pair = 0; pair < 50; pair++) await Promise.all([ask(), ask()]);"


# --- from another origin ----------------------------------------------------------------------------------------------


def test_an_allowed_origin_reads_digits(foreign_page: Page, cors_service: str) -> None:
    code = "return (await digits.predict(png(one))).predictions[0].digit"
    assert call(foreign_page, cors_service, code, one=picture(0)) == 7


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("return digits.predict(new Blob([new Uint8Array(200_000)]))", 413, "body-too-large"),
        ("return digits.predict(Array(101).fill(png(one)))", 413, "too-many-pictures"),
        ("return digits.predict(new ImageData(28, 28))", 422, "blank-picture"),
        ("return digits.predict(new Blob(['x']))", 415, "unsupported-picture"),
        ("return digits.predict(png(one), { model: 'nobody' })", 404, "model-not-found"),
        (f"{A_HUNDRED} {PAIRS}", 503, "overloaded"),
        ("return digits.explain(png(one), { digit: 10 })", 400, "invalid-request"),
    ],
)
def test_an_allowed_origin_sees_every_problem_as_it_is(
    foreign_page: Page, cors_service: str, code: str, status: int, kind: str
) -> None:
    problem = call(foreign_page, cors_service, code, one=picture(0))
    assert (problem["name"], problem["status"]) == ("Problem", status)
    assert problem["type"] == f"urn:digits:problem:{kind}"
    assert problem["detail"] == problem["message"]
    assert problem["title"]
    assert problem["retryAfter"] == (1 if status == 503 else None)


def test_a_service_that_is_down_is_reported_as_unreachable(foreign_page: Page, cors_service: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    code = "return digits.predict(png(one), { service: nobody })"
    problem = call(foreign_page, cors_service, code, one=picture(0), nobody=nobody)
    assert (problem["status"], problem["type"]) == (0, "urn:digits:problem:unreachable")
    assert call(foreign_page, cors_service, "return digits.ready({ service: nobody })", nobody=nobody) is False
    assert call(foreign_page, cors_service, "return digits.ready()") is True


def test_an_origin_that_is_not_allowed_reads_nothing(foreign_page: Page, cors_service: str, service: str) -> None:
    code = "return digits.predict(png(one), { service: closed })"
    assert call(foreign_page, cors_service, code, one=picture(0), closed=service)["status"] == 0


def test_binary_answers_expose_the_length_of_their_json_part(foreign_page: Page, cors_service: str) -> None:
    """The header of V2's binary tensors; a page can read it only if CORS exposes it."""
    code = """
        const stroke = Array.from({ length: 784 }, (_, i) => (i % 28 === 14 ? 255 : 0));
        const body = { inputs: [{ name: "image", shape: [1, 28, 28], datatype: "UINT8", data: stroke }],
                       outputs: [{ name: "probabilities", parameters: { binary_data: true } }] };
        const url = `${address}v2/models/digits/infer`;
        const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
        return response.headers.get("Inference-Header-Content-Length");
    """
    assert int(call(foreign_page, cors_service, code)) > 0


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_several_pictures_are_read_in_one_request(page: Page, service: str) -> None:
    code = "return (await digits.predict(pictures.map(png))).predictions.map(({ digit }) => digit)"
    read = call(page, service, code, pictures=[picture(index) for index in range(3)])
    assert read == [mnist_png(index)[1] for index in range(3)]


@pytest.mark.parametrize("kind", ["canvas", "offscreen", "bitmap", "imageData"])
def test_everything_that_holds_pixels_is_read(page: Page, service: str, kind: str) -> None:
    code = """
        const bitmap = await createImageBitmap(png(one));
        const offscreen = new OffscreenCanvas(28, 28);
        const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
        for (const target of [offscreen, canvas]) target.getContext("2d").drawImage(bitmap, 0, 0);
        const imageData = offscreen.getContext("2d").getImageData(0, 0, 28, 28);
        return (await digits.predict({ bitmap, offscreen, canvas, imageData }[kind])).predictions[0].digit;
    """
    assert call(page, service, code, one=picture(0), kind=kind) == 7


def test_the_attributions_of_an_explanation_add_up(page: Page, service: str) -> None:
    code = "return (await digits.explain(png(one), { digit: 1 })).explanation"
    explanation = call(page, service, code, one=picture(0))
    total = sum(map(sum, explanation["attributions"]))
    assert explanation["digit"] == 1
    assert total == pytest.approx(explanation["score"] - explanation["blank_score"], rel=1e-3)


# --- retries and time limits ------------------------------------------------------------------------------------------

BUSY = '{"type": "urn:digits:problem:overloaded", "title": "Busy", "status": 503, "detail": "Later."}'


def busy(route: Route) -> None:
    route.fulfill(status=503, body=BUSY, headers={"Retry-After": "1", "Content-Type": "application/problem+json"})


def test_a_busy_service_is_asked_again_after_the_seconds_it_names(page: Page, service: str) -> None:
    page.route("**/predict?*", busy, times=1)
    code = """
        const start = performance.now();
        const { predictions } = await digits.predict(png(one));
        return [predictions[0].digit, performance.now() - start];
    """
    digit, milliseconds = call(page, service, code, one=picture(0))
    assert digit == 7
    assert milliseconds >= 990


def test_a_service_that_stays_busy_is_not_asked_forever(page: Page, service: str) -> None:
    requested_urls: list[str] = []

    def record(route: Route) -> None:
        requested_urls.append(route.request.url)
        busy(route)

    page.route("**/predict?*", record)
    problem = call(page, service, "return digits.predict(png(one), { retries: 1 })", one=picture(0))
    assert problem["status"] == 503
    assert len(requested_urls) == 2


def test_there_is_no_retry_after_the_time_limit(page: Page, service: str) -> None:
    page.route("**/predict?*", busy)
    code = """
        const start = performance.now();
        const problem = await digits.predict(png(one), { timeoutMs: 900 }).catch((error) => error);
        return [problem.status, performance.now() - start];
    """
    status, milliseconds = call(page, service, code, one=picture(0))
    assert status == 503  # the service's own problem, not a timeout
    assert milliseconds < 900


def test_an_answer_that_does_not_arrive_is_a_timeout(page: Page, service: str) -> None:
    page.route("**/predict?*", lambda _: None)
    problem = call(page, service, "return digits.predict(png(one), { timeoutMs: 200 })", one=picture(0))
    assert (problem["status"], problem["type"]) == (0, "urn:digits:problem:timeout")


@pytest.mark.parametrize("handler", [lambda _: None, busy], ids=["in flight", "before a retry"])
def test_an_aborted_request_rejects_with_an_abort_error(page: Page, service: str, handler: Any) -> None:
    page.route("**/predict?*", handler)
    code = """
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 200);
        return digits.predict(png(one), { signal: controller.signal });
    """
    assert call(page, service, code, one=picture(0))["name"] == "AbortError"


def test_a_required_key_is_sent(foreign_page: Page, origin: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    key = "a key for this page"
    digest = hashlib.sha256(key.encode()).hexdigest()
    with serving(
        tmp_path_factory.mktemp("service_with_key"), "--cors-origins", origin, "--api-keys", digest
    ) as address:
        code = "const { predictions } = await digits.predict(png(one), options); return predictions[0].digit;"
        assert call(foreign_page, address, code, one=picture(0), options={"apiKey": key}) == 7
        refused = call(foreign_page, address, code, one=picture(0), options={})
    assert (refused["name"], refused["status"]) == ("Problem", 401)
