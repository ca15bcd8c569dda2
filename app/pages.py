"""The pages for people: the one to draw on, and the API's description. Neither asks any other server for anything."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

STATIC = Path(__file__).parent / "static"
OF_DOCS = Path(str(files("fastapi_offline") / "static"))

# Files of our own and nothing else: no inline script or style, no string made into markup, no frame around it.
OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE_POLICY = OWN_FILES + "; require-trusted-types-for 'script'"
# Swagger UI draws its icons from data: addresses, styles its parts in place and shows the pictures it was answered.
DOCS_POLICY = OWN_FILES.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data: blob:"
)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(request: Request) -> Response:
    """The page for a browser; for others what KServe's V1 clients ask here: whether the service is alive."""
    if "text/html" in request.headers.get("accept", ""):
        return document("index.html", PAGE_POLICY, {"Vary": "Accept"})
    return JSONResponse({"status": "alive"}, headers={"Vary": "Accept"})


@router.get("/docs")
async def docs() -> Response:
    """What /openapi.json says, to read and to try."""
    return document("docs.html", DOCS_POLICY, {})


def document(name: str, policy: str, headers: dict[str, str]) -> Response:
    return FileResponse(STATIC / name, headers=headers | {"Content-Security-Policy": policy})
