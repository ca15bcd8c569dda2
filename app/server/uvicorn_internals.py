"""What the server uses of uvicorn beyond its documented interface: the one place that a new release can break.

No other module of `app` imports uvicorn's submodules. pyproject.toml bounds uvicorn's version, and
tests/app/server/test_uvicorn_internals.py names each attribute below that a release lacks.
"""

from __future__ import annotations

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

__all__ = ["CYCLE", "PROTOCOL", "SERVER", "SERVER_STATE", "FlowControl", "HttpToolsProtocol", "ServerState"]

PROTOCOL = {
    "config": "its `app` has the fast path",
    "connection_lost": "extended: cancels a request on the fast path, and breaks reference cycles",
    "connection_made": "extended: replaces the flow control",
    "cycle": "the latest request; one on the fast path stands in for uvicorn's own",
    "data_received": "replaced: parses up to the end of one request",
    "eof_received": "replaced: a client that only stopped sending gets its response",
    "expect_100_continue": "set by on_header, reset by on_message_begin",
    "flow": "replaced by one whose pause holds; its `write_paused`: the client does not read its responses",
    "headers": "filled by on_header with (name in lower case, value); the scope shares the list",
    "loop": "the event loop",
    "on_body": "extended: collects the body for the fast path",
    "on_header": "replaced: without the white space behind a value",
    "on_headers_complete": "extended: decides between the fast path and a cycle of uvicorn's",
    "on_message_begin": "postponed: it makes an ASGI scope, which the fast path does without",
    "on_message_complete": "extended: starts the fast path",
    "on_response_complete": "replaced: one check of all connections stands in for a timer for each response",
    "parser": "of httptools",
    "scope": "made by on_message_begin; its state says when the request began",
    "send_400_response": "replaced: a problem document instead of plain text",
    "server_state": "shared by all connections",
    "shutdown": "extended: closes a connection that lingers",
    "timeout_keep_alive": "seconds, from the configuration",
    "transport": "of asyncio",
    "url": "filled by on_url",
}
CYCLE = {
    "disconnected": "written when the client has gone",
    "keep_alive": "written at shutdown: False closes the connection after the response",
    "message_event": "set when the client has gone; on the fast path nobody awaits it",
    "more_body": "whether the request is still arriving",
    "response_complete": "read before the next request and at shutdown",
    "response_started": "read before a refusal is written",
    "transport": "replaced by one whose `close` lets a client that still sends read the response",
}
SERVER = {
    "config": "handed to the connections that are accepted at shutdown; its `timeout_graceful_shutdown` is set then",
    "handle_exit": "replaced: signals begin a graceful shutdown",
    "on_tick": "extended: every 100 ms, with a counter; True exits",
    "serve": "runs startup, ticks and shutdown",
    "server_state": "shared by all connections",
    "servers": "the asyncio servers of the listening sockets",
    "should_exit": "True: exit at the next tick",
    "shutdown": "extended: the time that is left for requests in progress",
    "startup": "extended: reports that the port is open",
}
SERVER_STATE = {
    "connections": "the protocols of open connections",
    "default_headers": "of every response; on_tick replaces the list once a second",
    "total_requests": "counted after each response",
}
