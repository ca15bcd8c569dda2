"""uvicorn's internals: after an update of uvicorn the names of these tests say what broke."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.connection.fast_path_cycle import FastPathCycle
from app.server.uvicorn_internals import CYCLE, PROTOCOL, SERVER, SERVER_STATE, HttpToolsProtocol, ServerState
from tests.conftest import ROOT
from tests.support.hot_app import HotApp

FOLDER = ROOT / "app/server"
OWN_CYCLE = {"body", "run_asgi"}  # uvicorn's protocol uses these only of cycles that it has made itself


def attributes(instance: object) -> set[str]:
    """Of its class and of itself, and what its class annotates and sets later."""
    assigned = set(re.findall(r"self\.(\w+)[:=]? ", inspect.getsource(type(instance))))
    return assigned | set(vars(type(instance))) | set(vars(instance))


def used_names(file: Path) -> set[str]:
    """What the module uses of `self`, `super()`, `server` and a protocol, and every method that it defines."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("self", "super()", "server", "self.protocol", "protocol")
    }
    return used | {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


CONFIG = uvicorn.Config(HotApp(), interface="asgi3", lifespan="off", log_config=None)
HAS = {
    "HttpToolsProtocol": (PROTOCOL, attributes(HttpToolsProtocol(CONFIG, ServerState(), {}, _loop=object()))),  # type: ignore[arg-type]
    "RequestResponseCycle": (CYCLE, set(re.findall(r"self\.(\w+) = ", inspect.getsource(RequestResponseCycle)))),
    "Server": (SERVER, attributes(uvicorn.Server(CONFIG))),
    "ServerState": (SERVER_STATE, attributes(ServerState())),
}


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, (names, _) in HAS.items() for name in names])
def test_uvicorn_has(owner: str, name: str) -> None:
    assert name in HAS[owner][1]


@pytest.mark.parametrize(
    ("owner", "users"),
    [
        ("HttpToolsProtocol", ("connection/http_protocol.py", "connection/fast_path_cycle.py", "connection/clock.py")),
        ("Server", ("server.py",)),
    ],
)
def test_every_name_that_is_used_is_listed(owner: str, users: tuple[str, ...]) -> None:
    listed, has = HAS[owner]
    used = set[str]().union(*[used_names(FOLDER / name) for name in users])
    assert {name for name in used & has if not name.startswith("__")} == set(listed)


def test_cycle_on_the_fast_path_has_whatever_uvicorn_uses_of_a_cycle() -> None:
    used = set(re.findall(r"cycle\.(\w+)", inspect.getsource(HttpToolsProtocol))) - OWN_CYCLE
    assert used <= set(CYCLE)
    assert all(hasattr(FastPathCycle, name) for name in CYCLE if name != "transport")  # replaced in uvicorn's alone


def test_no_other_module_imports_uvicorns_submodules() -> None:
    importing = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "app").rglob("*.py")
        if re.search(r"^\s*(from|import) uvicorn\.", file.read_text(), re.MULTILINE)
    }
    assert importing == {"app/server/uvicorn_internals.py"}
