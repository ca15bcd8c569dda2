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
from tests.support.odd_server import OddServer, odd_server
from tests.support.service_process import free_port, serving

LIMITS = ("--max-batch-size", "2", "--max-queue-size", "2", "--max-body-bytes", "100000", "--max-pictures", "100")
LARGE = "const large = new Blob([new Uint8Array(8 * 2 ** 20)]);"


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
    """A service with low limits that allows pages of that origin to call it (CORS), and keeps corrections."""
    folder = tmp_path_factory.mktemp("cors_service")
    corrections = ("--corrections", str(folder / "kept"), "--corrections-open", "true")
    (folder / "kept").mkdir()
    with serving(folder, "--cors-origins", origin, *corrections, *LIMITS) as address:
        yield address


@pytest.fixture(scope="module")
def odd() -> Iterator[OddServer]:
    with odd_server() as server:
        yield server


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


def test_an_origin_that_is_not_allowed_reads_nothing_and_is_told_the_setting(
    foreign_page: Page, cors_service: str, service: str, origin: str
) -> None:
    code = "return digits.predict(png(one), { service: closed })"
    problem = call(foreign_page, cors_service, code, one=picture(0), closed=service)
    assert problem["status"] == 0
    assert f"DIGITS_CORS_ORIGINS={origin}." in problem["detail"]
    assert "the service is running" in problem["detail"]


def test_the_services_own_page_is_told_nothing_of_cors(page: Page, service: str) -> None:
    page.route("**/predict?*", lambda route: route.abort())
    problem = call(page, service, "return digits.predict(png(one))", one=picture(0))
    assert problem["type"] == "urn:digits:problem:unreachable"
    assert "CORS" not in problem["detail"]


def test_a_correction_is_kept(foreign_page: Page, cors_service: str) -> None:
    code = """
        const { model, predictions } = await digits.predict(png(one));
        const options = { region: [0, 0, 28, 28], read: String(predictions[0].digit), model: model.name,
            version: model.version };
        return [await digits.correct(png(one), "7", options), await digits.correct(png(one), "none")];
    """
    kept = call(foreign_page, cors_service, code, one=picture(0))
    assert len({correction["id"] for correction in kept}) == 2


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


@pytest.mark.parametrize("kind", ["canvas", "offscreen", "bitmap", "imageData", "image", "bytes", "address", "files"])
def test_everything_that_holds_pixels_is_read(page: Page, service: str, kind: str) -> None:
    code = """
        const bitmap = await createImageBitmap(png(one));
        const offscreen = new OffscreenCanvas(28, 28);
        const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
        for (const target of [offscreen, canvas]) target.getContext("2d").drawImage(bitmap, 0, 0);
        const imageData = offscreen.getContext("2d").getImageData(0, 0, 28, 28);
        const image = Object.assign(new Image(), { src: "/static/seven.png" });
        const files = new DataTransfer();
        files.items.add(new File([png(one)], "one.png"));
        const pictures = { bitmap, offscreen, canvas, imageData, image, bytes: bytes(one), files: files.files,
            address: "/static/seven.png" };
        return (await digits.predict(pictures[kind])).predictions[0].digit;
    """
    assert call(page, service, code, one=picture(0), kind=kind) == 7


@pytest.mark.parametrize(
    "broken",
    [
        "new OffscreenCanvas(0, 0)",
        "new Image()",
        "Object.assign(new Image(), {src: '/health'})",
        "'/static/none.png'",
    ],
)
def test_a_picture_without_pixels_is_a_problem(page: Page, service: str, broken: str) -> None:
    problem = call(page, service, f"return digits.predict({broken})")
    assert problem["type"] == "urn:digits:problem:picture-unavailable"


def test_an_image_of_another_origin_that_keeps_its_pixels_is_a_problem(
    foreign_page: Page, cors_service: str, service: str
) -> None:
    code = """
        const image = Object.assign(new Image(), { src: `${closed}static/seven.png` });
        document.body.append(image);
        return digits.predict(image);
    """
    problem = call(foreign_page, cors_service, code, closed=service)
    assert "crossOrigin" in problem["detail"]


def test_a_queue_takes_the_files_of_an_input(page: Page, service: str) -> None:
    code = """
        const files = new DataTransfer();
        for (const content of [png(one), "no picture", png(one)]) files.items.add(new File([content], "a.png"));
        const progress = [];
        const options = { onProgress: (...counts) => progress.push(counts.join("/")), concurrency: 2 };
        const entries = await digits.readAll(files.files, options);
        return [entries.map(({ reading, error }) => reading?.text ?? error.status), progress];
    """
    assert call(page, service, code, one=picture(0)) == [["7", 415, "7"], ["0/3", "1/3", "2/3", "3/3"]]


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


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_at_the_time_it_names(
    page: Page, service: str, odd: OddServer, status: int
) -> None:
    """503 names seconds, 429 a date."""
    page.goto(f"{service}health")  # has no Content-Security-Policy
    code = "return (await digits.predict(png(one), { service: odd })).predictions[0].digit"
    assert call(page, service, code, one=picture(0), odd=f"{odd.address}{status}/") == 7
    assert odd.refusals[f"/{status}/predict"] == 1


@pytest.mark.slow
def test_a_slow_upload_takes_longer_than_the_time_limit(page: Page, service: str, odd: OddServer) -> None:
    """The limit counts from the last byte that moved; what the system has taken of a body is not known to have left."""
    page.goto(f"{service}health")  # has no Content-Security-Policy
    code = f"""
        {LARGE}
        const fractions = [];
        const onProgress = (fraction) => fractions.push(fraction);
        const start = performance.now();
        const options = {{ service: odd, timeoutMs: 1500, answerTimeoutMs: 30_000, onProgress }};
        const {{ predictions }} = await digits.predict([large, large], options);
        return [predictions[0].digit, performance.now() - start, fractions];
    """
    digit, milliseconds, fractions = call(page, service, code, odd=odd.address + "slow/")
    assert digit == 7
    assert milliseconds > 1500
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert fractions == sorted(fractions)
    assert len(fractions) > 5


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
