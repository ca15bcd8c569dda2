"""clients/js: the packed client in bundles for browsers, in a page of another origin than the service's."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.npm_project import PACKAGE, build, build_with_webpack, make_project
from tests.support.service_process import serving

pytestmark = pytest.mark.slow

README = re.findall(r"^```javascript\n(.*?)^```", (PACKAGE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
PAGE = """<!doctype html>
<title>A page</title>
<input type="file" multiple>
<output></output>
<script type="module" src="./main.js"></script>
"""
IN_A_WORKER = """
import { predict } from "digits-client";

onmessage = async ({ data: [service, file] }) => {
  const fractions = [];
  const onProgress = (fraction) => fractions.push(fraction);
  const { predictions } = await predict(file, { service, onProgress });
  postMessage(`${predictions[0].digit} ${fractions.at(-1)}`);
};
"""
PAGE_WITH_A_WORKER = """
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => { document.querySelector("output").value = data; };
document.querySelector("input").onchange = ({ target }) => {
  worker.postMessage(["http://localhost:8000/", target.files[0]]);
};
"""


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serves the folder. Yields its origin."""
    handler = functools.partial(SilentHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def cors_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("cors"), "--cors-origins", "*") as address:
        yield address


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("npm"))
    (project / "index.html").write_text(PAGE)
    return project


def expect_output(context: BrowserContext, folder: Path, picture: Path, text: str) -> None:
    page = context.new_page()
    with site(folder) as origin:
        page.goto(origin)
        page.locator("input").set_input_files(picture)
        expect(page.locator("output")).to_have_text(text)


def test_page_of_the_readme_reads_a_seven(project: Path, desktop: BrowserContext, cors_service: str) -> None:
    """In a bundle of Vite."""
    (block,) = [block for block in README if "document." in block]
    (project / "main.js").write_text(block.replace("http://localhost:8000/", cors_service))
    build("vite", "build", "--outDir", "readme", cwd=project)
    expect_output(desktop, project / "readme", project / "seven.png", "7")


def test_worker_in_a_bundle_reads_a_seven(project: Path, desktop: BrowserContext, cors_service: str) -> None:
    (project / "worker.js").write_text(IN_A_WORKER)
    (project / "main.js").write_text(PAGE_WITH_A_WORKER.replace("http://localhost:8000/", cors_service))
    build("vite", "build", "--outDir", "worker", cwd=project)
    expect_output(desktop, project / "worker", project / "seven.png", "7 1")


def test_bundle_of_webpack_reads_a_seven(project: Path, desktop: BrowserContext, cors_service: str) -> None:
    (block,) = [block for block in README if "document." in block]
    (project / "page.js").write_text(block.replace("http://localhost:8000/", cors_service))
    build_with_webpack("./page.js", "web", "webpack", cwd=project)
    (project / "webpack/index.html").write_text(PAGE)
    expect_output(desktop, project / "webpack", project / "seven.png", "7")


@pytest.mark.parametrize("kind", ["esm", "iife"])
def test_bundle_of_esbuild_reads_all_files(
    project: Path, desktop: BrowserContext, cors_service: str, kind: str
) -> None:
    (project / "all.js").write_text(
        'import { readAll } from "digits-client";\n'
        'document.querySelector("input").onchange = async ({ target }) => {\n'
        f'  const entries = await readAll(target.files, {{ service: "{cors_service}" }});\n'
        "  const texts = entries.map(({ reading, error }) => reading?.text ?? error.status);\n"
        '  document.querySelector("output").value = texts.join();\n'
        "};\n"
    )
    folder = project / kind
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    options = ("--bundle", "--platform=browser", "--minify", f"--format={kind}", f"--outfile={kind}/main.js")
    build("esbuild", "all.js", *options, cwd=project)
    page = desktop.new_page()
    with site(folder) as origin:
        page.goto(origin)
        page.locator("input").set_input_files([project / "seven.png", project / "package.json", project / "seven.png"])
        expect(page.locator("output")).to_have_text("7,400,7")
