"""Listening sockets: bound before the models load, and closed without a client noticing."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from app.errors import StartupError
from app.server.early_signals import on_end
from app.settings import Settings

# A socket filter that drops packets with SYN and without ACK, in classic BPF: code, jump if true, if false, operand.
DROP_SYN_PACKETS = (
    (0x30, 0, 0, 13),  # load byte 13 of the TCP header: the flags
    (0x54, 0, 0, 0x12),  # keep SYN | ACK
    (0x15, 0, 1, 0x02),  # only SYN?
    (0x06, 0, 0, 0),  # then accept 0 bytes of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else all of it
)
SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it

ALL_ADDRESSES = ("::", "0.0.0.0")  # noqa: S104
# An address that this machine or its kernel does not have. One that is in use or forbidden is the end instead: another
# program would answer a part of the clients.
UNUSABLE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENETUNREACH)

logger = logging.getLogger(__name__)


class SocketFile(NamedTuple):
    """The file of a Unix socket."""

    path: Path
    inode: int

    def remove(self) -> None:
        """Leaves the file of a successor alone."""
        with suppress(OSError):
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()


class Listeners(NamedTuple):
    """The sockets that a process listens on."""

    service: Sequence[socket.socket]
    operations: Sequence[socket.socket] = ()  # of `metrics_port`
    socket_file: SocketFile | None = None
    shared: bool = False  # with other workers

    @classmethod
    def bind(cls, settings: Settings) -> Self:
        """The ports are taken, but open only once the models are warm. Raises `StartupError`."""
        operations = () if settings.metrics_port is None else bind(settings.host, settings.metrics_port)
        if settings.uds is None:
            return cls(bind(settings.host, settings.port), operations)
        listener, file = bind_unix(settings.uds)
        on_end(file.remove)
        return cls((listener,), operations, file)

    def refuse_new_connections(self) -> None:
        """Of all processes that share these sockets. Connections that exist can still be accepted."""
        if self.socket_file:
            self.socket_file.remove()
        else:
            for listener in self.service:
                drop_new_connections(listener)

    def close(self) -> None:
        for listener in (*self.service, *self.operations):
            listener.close()


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host, all on one port. Raises `StartupError` if no address can be used."""
    sockets: list[socket.socket] = []
    failed: dict[str, OSError] = {}
    free_port = port
    for family, (address, _, *scope) in addresses(host, port):
        try:
            sockets.append(bind_address(family, (address, free_port, *scope)))
            free_port = sockets[0].getsockname()[1]  # chosen for port 0
        except OSError as error:
            failed[address] = error
            if error.errno not in UNUSABLE:
                break
    for address, failure in failed.items():
        if failure.errno not in UNUSABLE or not sockets:
            raise StartupError(cannot_listen(host, port, failure)) from failure
        logger.warning("not listening on %s: %s", address, failure.strerror)
    return sockets


def addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """Of the host; `::` stands for all addresses of both families. Raises `StartupError`."""
    host = host.removeprefix("[").removesuffix("]")  # as in a URL
    try:
        found = [
            item
            for name in (ALL_ADDRESSES if host == "::" else (host,))
            for item in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        ]
    except OSError as error:
        raise StartupError(cannot_listen(host, port, error)) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def bind_address(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows this option would share the port with another process
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def cannot_listen(host: str, port: int, error: OSError) -> str:
    privileged = error.errno == errno.EACCES and 0 < port < 1024
    hint = " (ports below 1024 are for root: take a higher one)" if privileged else ""
    return f"cannot listen on {host}, port {port}: {error.strerror}{hint}"


# --- Unix sockets -----------------------------------------------------------------------------------------------------


def bind_unix(path: Path) -> tuple[socket.socket, SocketFile]:
    """Replaces a socket file that nobody listens on any more. Raises `StartupError`.

    Everyone may connect who can reach the file, as with nginx and uvicorn: the web server runs as another user.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise StartupError("this system has no Unix sockets: listen on a port")
    path = path.absolute()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale_socket(path)
        listener.bind(str(path))
        path.chmod(0o666)
        return listener, SocketFile(path, path.stat().st_ino)
    except OSError as error:
        listener.close()
        raise StartupError(f"cannot listen on {path}: {error.strerror or error}") from error


def remove_stale_socket(path: Path) -> None:
    """Raises `OSError` if the path is something else, or if another process answers on it."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "the file exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


# --- the end of listening ---------------------------------------------------------------------------------------------


def drop_new_connections(listener: socket.socket) -> None:
    """Ignores connection attempts from now on. Clients repeat theirs a second later, when the closed port refuses it.

    Otherwise the kernel would complete handshakes between the last accept and the close, and reset those connections.
    Only Linux has such filters.
    """
    if sys.platform == "linux":
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in DROP_SYN_PACKETS))
        with suppress(OSError):
            program = struct.pack("HP", len(DROP_SYN_PACKETS), ctypes.addressof(code))
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def accept_pending(listener: socket.socket) -> list[socket.socket]:
    """The connections that wait to be accepted. The kernel resets them when the last listener is closed."""
    accepted = []
    with suppress(OSError):  # BlockingIOError: no connection is left
        while True:
            accepted.append(listener.accept()[0])
    return accepted
