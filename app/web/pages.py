"""The pages for people: the one to draw on, and the API's description. Neither asks any other server for anything."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from app.preprocessing.constants import as_es_module

STATIC = Path(__file__).parent / "static"
RUNTIME = STATIC / "runtime"  # what reads digits in a browser; made by `make runtime`, and may be absent
OF_DOCS = Path(str(files("fastapi_offline") / "static"))

# Files of our own and nothing else: no inline script or style, no string made into markup, no frame around it.
OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE_POLICY = OWN_FILES + "; require-trusted-types-for 'script'; trusted-types ondevice"
# Swagger UI draws its icons from data: addresses, styles its parts in place and shows the pictures it was answered.
DOCS_POLICY = OWN_FILES.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data: blob:"
)
# OpenCV's bindings make functions of strings, which the page itself forbids. The worker they run in is without a
# document and can ask no server for anything, ours neither: what it is shown stays there.
WORKER_POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(request: Request) -> Response:
    """The page for a browser; for others what KServe's V1 clients ask here: whether the service is alive."""
    if "text/html" in request.headers.get("accept", ""):
        headers = {"Vary": "Accept", "Content-Security-Policy": PAGE_POLICY}
        return HTMLResponse(page_text(on_device=RUNTIME.is_dir()), headers=headers)
    return JSONResponse({"status": "alive"}, headers={"Vary": "Accept"})


@functools.cache
def page_text(*, on_device: bool) -> str:
    """With the switch for reading in the browser, where that can be done."""
    text = (STATIC / "index.html").read_text("utf-8")
    return text.replace('id="place" hidden', 'id="place"') if on_device else text


@router.get("/docs")
async def docs() -> Response:
    """What /openapi.json says, to read and to try."""
    return document("docs.html", DOCS_POLICY)


@router.get("/static/ondevice/worker.js")
async def worker() -> Response:
    """What reads digits in the browser."""
    return document("ondevice/worker.js", WORKER_POLICY)


@router.get("/static/ondevice/constants.js")
async def constants() -> Response:
    """The constants of preprocessing. The worker's policy lets it import a script, but not fetch their JSON file."""
    return Response(as_es_module(), media_type="text/javascript")


def document(name: str, policy: str) -> Response:
    return FileResponse(STATIC / name, headers={"Content-Security-Policy": policy})
