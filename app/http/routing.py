"""What a request asks for: its path below the service's prefix, HEAD as GET, and which methods a path has."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import MethodNotAllowed
from app.http.problems import problem_response, route_of


def canonical_path(path: str, root_path: str) -> str:
    """The path that a route declares: without the prefix `root_path`, a slash at its end, and empty or "." segments.

    A proxy may have removed the prefix or not. ".." is left alone: no route has it.
    """
    path = "/" + "/".join(segment for segment in path.split("/") if segment not in ("", "."))
    if root_path and (path + "/").startswith(root_path + "/"):
        path = path[len(root_path) :] or "/"
    return path


class CanonicalPathMiddleware:
    """Answers /predict/ and //predict as /predict. A redirect would name the wrong host or scheme behind a proxy."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        """`root_path`: as of `Settings`. The ASGI server's own is removed as well."""
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole_server = scope["method"] == "OPTIONS" and scope["path"] == "*"  # RFC 9110, 9.3.7
        path = canonical_path("/" if whole_server else scope["path"], scope.get("root_path", "").rstrip("/"))
        await self.app({**scope, "path": canonical_path(path, self.root_path), "root_path": ""}, receive, send)


class HeadMiddleware:
    """Answers HEAD as GET, without the body (RFC 9110, 9.3.2). The layers around it see the method that was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        headers = [header for header in scope["headers"] if header[0] != b"range"]  # RFC 9110, 14.2: only of GET
        get = {**scope, "method": "GET", "headers": headers}
        try:
            await self.app(get, receive, send_without_body)
        finally:
            scope["route"] = get.get("route")  # the metrics name it


async def on_method_not_allowed(request: Request, error: Exception) -> Response:
    """405, or to OPTIONS 204, with the methods of all routes of the path: FastAPI names only those of the first."""
    allow = ", ".join(allowed_methods(request))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allow})
    path = request.scope["path"]
    refusal = MethodNotAllowed(f"{path} does not support {request.method}: use {allow}.", allow=allow)
    return problem_response(refusal, request.scope)


def allowed_methods(request: Request) -> list[str]:
    path = route_of(request.scope)
    routes = [route for route in iter_route_contexts(request.app.routes) if route.path == path]
    methods = set().union(*(route.methods or () for route in routes)) or {"GET"}  # static files declare no methods
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
