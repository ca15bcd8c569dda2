"""Static files, whole, and texts compressed: scripts and styles take a third of the time over a slow connection."""

from __future__ import annotations

import functools
import gzip
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.http.accept import qualities

COMPRESSED = (".js", ".css", ".ts", ".svg", ".html")  # not pictures, nor the runtime's files, which are compressed


class CompressedFiles(StaticFiles):
    """Answers texts with gzip where the client takes it, and every file whole, whatever range is asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starlette would answer ranges that it does not understand with 400, as plain text."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if "accept-ranges" in response.headers:
            del response.headers["accept-ranges"]
        path = Path(full_path)
        if path.suffix not in COMPRESSED:
            return response
        response.headers["Vary"] = "Accept-Encoding"
        if not isinstance(response, FileResponse):  # the client has the file already
            return response
        headers = {name: response.headers[name] for name in ("content-type", "last-modified", "vary", "etag")}
        if not takes_gzip(scope):
            return Response(content_of(path, stat_result.st_mtime_ns), status_code, headers)
        headers |= {"content-encoding": "gzip", "etag": f"W/{headers['etag']}"}
        return Response(compressed(path, stat_result.st_mtime_ns), status_code, headers)


def takes_gzip(scope: Scope) -> bool:
    """By all Accept-Encoding headers together (RFC 9110, section 12.5.3)."""
    codings = qualities(",".join(Headers(scope=scope).getlist("accept-encoding")))
    return codings.get("gzip", codings.get("*", 0)) > 0


@functools.cache
def content_of(path: Path, mtime_ns: int) -> bytes:
    """`mtime_ns`: of the file, which may be replaced while the service runs."""
    return path.read_bytes()


@functools.cache
def compressed(path: Path, mtime_ns: int) -> bytes:
    return gzip.compress(content_of(path, mtime_ns), mtime=0)
