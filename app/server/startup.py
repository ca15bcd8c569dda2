"""What the start of the service says: its settings, its limits, its address."""

from __future__ import annotations

import logging
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence

from app import __version__, environment
from app.environment import Origin, one_line, service_links
from app.runtime import cpu_quota, memory_limit, usable_cores
from app.server.listeners import Listeners
from app.settings import SECRETS, Settings

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # the address to call where all are listened on

logger = logging.getLogger(__name__)


def log_start(settings: Settings, origins: Mapping[str, Origin]) -> None:
    """The settings in force and the limits. `origins`: of the settings that are not defaults."""
    logger.info("digits %s, process %d; settings: %s", __version__, os.getpid(), listed(settings, origins))
    logger.info("limits: memory %s; cores %s", memory_text(settings), cores_text())
    if not settings.api_keys:
        logger.info("no API keys: everyone may call")
    for variable in environment.changed:
        logger.warning("%s names a plug-in that is not installed, which is ignored", variable)
    if links := service_links():
        logger.info("no settings, but what Kubernetes says of a Service: %s", ", ".join(links))


def listed(settings: Settings, origins: Mapping[str, Origin]) -> str:
    return ", ".join(not_default(settings, origins)) or "defaults"


def not_default(settings: Settings, origins: Mapping[str, Origin]) -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value != field.get_default():
            text = f"(digests: {len(value)})" if name in SECRETS else one_line(str(value))
            origin = origins.get(name) or origins.get(f"{name}_file")
            yield f"{name} {text} ({origin.source})" if origin else f"{name} {text}"


def memory_text(settings: Settings) -> str:
    limit, owner = memory_limit()
    text = f"{mebibytes(limit)} (of the {owner})"
    if settings.memory_bytes:
        text = f"{mebibytes(settings.memory_bytes)} (DIGITS_MEMORY_BYTES) of {text}"
    return f"{text}, {mebibytes(settings.inflight_bytes)} in each process for bodies under way"


def mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def cores_text() -> str:
    quota, cores = cpu_quota(), usable_cores()
    if quota is not None and quota <= cores:
        return f"{cores} (quota of the control group: {quota:g})"
    return f"{cores} (of the {'machine' if cores == os.cpu_count() else 'affinity mask'})"


# --- the address ------------------------------------------------------------------------------------------------------


def welcome(listeners: Listeners, device: str) -> str:
    if listeners.socket_file:
        curl = f"curl -s --unix-socket {shlex.quote(str(listeners.socket_file.path))}"
        place, address, hint = str(listeners.socket_file.path), "http://localhost", ""
    else:
        curl, place = "curl -s", address_of(listeners.service)
        address, hint = place, f" draw on that page, see {place}/docs, or"
    return (
        f"Digits is reading on {place} ({device});{hint} try:\n"
        f"  {curl} {address}/static/seven.png | {curl} --data-binary @- {address}/predict"
    )


def address_of(listeners: Sequence[socket.socket]) -> str:
    """An address that answers on this machine: IPv4 where it is listened on, since not every machine has IPv6."""
    found = {listener.family: listener.getsockname() for listener in reversed(listeners)}
    host, port = (found.get(socket.AF_INET) or found[socket.AF_INET6])[:2]
    host = LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def print_line(text: str) -> None:
    """On standard output, which may be closed already (`serve | head -1`), or not know every character of a path."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError:
        sys.stdout = None  # or it is flushed once more at the exit, and that fails too
