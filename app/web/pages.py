"""The web pages: to draw on, about the models and the service, and the API documentation.

None loads anything from another server.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse

from app.http.accept import prefers
from app.preprocessing.constants import as_es_module
from app.web.offline_files import RUNTIME, STATIC, service_worker

DOCS_FILES = Path(str(files("fastapi_offline") / "static"))

# Only files of this server: no inline script or style, no frame around the page.
SAME_ORIGIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# Trusted types: no string becomes markup or a script's address. Workers: the on-device reader and the service worker.
PAGE_POLICY = (
    SAME_ORIGIN_POLICY + "; worker-src 'self'; manifest-src 'self'; require-trusted-types-for 'script'; "
    "trusted-types same-origin"
)
# Swagger UI draws icons from data: URLs, sets inline styles and shows pictures of responses.
DOCS_POLICY = SAME_ORIGIN_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data: blob:"
)
# OpenCV's bindings create functions from strings, which the page's own policy forbids. They run in a worker, which has
# no document and may connect to no server, this one included: pictures cannot leave it.
WORKER_POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'"
# It fetches the page's files, and nothing from another server.
SERVICE_WORKER_POLICY = "default-src 'none'; connect-src 'self'"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(request: Request) -> Response:
    """The page for browsers; for other clients KServe's V1 liveness response."""
    if prefers(request.headers.get("accept", ""), "text/html"):
        headers = {"Vary": "Accept", "Content-Security-Policy": PAGE_POLICY}
        text = page_text(on_device=RUNTIME.is_dir())
        return HTMLResponse(with_links(text, link_prefix(request)), headers=headers)
    return JSONResponse({"status": "alive"}, headers={"Vary": "Accept"})


@functools.cache
def page_text(*, on_device: bool) -> str:
    """`on_device`: with the switch for reading in the browser."""
    text = (STATIC / "index.html").read_text("utf-8")
    return text.replace('id="place" hidden', 'id="place"') if on_device else text


# /models and /health are JSON for every client, whatever it accepts. These pages hold only texts and need no API key;
# their scripts fetch the JSON with the visitor's key.
@router.get("/about/models")
async def about_models(request: Request) -> Response:
    """What /models says, for people."""
    return about_page(request, "models", "Models in service")


@router.get("/about/health")
async def about_health(request: Request) -> Response:
    """What /health says, for people."""
    return about_page(request, "health", "State of the service")


def about_page(request: Request, name: str, title: str) -> Response:
    text = (STATIC / "about.html").read_text("utf-8").replace("{name}", name).replace("{title}", title)
    return html_response(
        request, text.replace(f'data-say="{name}"', f'data-say="{name}" aria-current="page"'), PAGE_POLICY
    )


@router.get("/service_worker.js")
def service_worker_script() -> Response:
    """Served at the root, since a service worker answers only for the folder of its script."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": SERVICE_WORKER_POLICY}
    return Response(service_worker(), media_type="text/javascript", headers=headers)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI document in Swagger UI."""
    return html_response(request, (STATIC / "docs.html").read_text("utf-8"), DOCS_POLICY)


def html_response(request: Request, text: str, policy: str) -> Response:
    return HTMLResponse(with_links(text, link_prefix(request)), headers={"Content-Security-Policy": policy})


def link_prefix(request: Request) -> str:
    """What leads from the requested URL to the root: known from `root_path`, else relative, since a proxy may have
    removed a prefix. The URL may be /docs/, where a relative link has to go one level up.
    """
    root_path: str = request.app.state.root_path
    requested: bytes = request.scope.get("raw_path") or b"/"  # ASGI: servers need not give it
    return f"{root_path}/" if root_path else "../" * (requested.count(b"/") - 1)


def with_links(html: str, prefix: str) -> str:
    """A <base> would do the same, but would change what Swagger UI's links within its page mean."""
    return re.sub(r'(?<= href=")|(?<= src=")', prefix, html)


@router.get("/favicon.ico")
async def icon() -> Response:
    """Browsers ask for it where a response is no page of ours."""
    return FileResponse(STATIC / "icon.svg")


@router.get("/robots.txt")
async def robots() -> Response:
    """Nothing here is for search engines."""
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


@router.get("/static/ondevice/worker.js")
async def worker() -> Response:
    """The web worker that reads digits in the browser."""
    return file_response("ondevice/worker.js", WORKER_POLICY)


@router.get("/static/ondevice/constants.js")
async def constants() -> Response:
    """The constants of preprocessing. The worker's policy lets it import a script, but not fetch their JSON file."""
    return Response(as_es_module(), media_type="text/javascript")


def file_response(name: str, policy: str) -> Response:
    return FileResponse(STATIC / name, headers={"Content-Security-Policy": policy})
