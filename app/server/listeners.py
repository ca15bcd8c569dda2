"""Listening sockets: bound before the models load, and closed without a client noticing."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from contextlib import suppress

from app.errors import StartupError

# A socket filter that drops packets with SYN and without ACK, in classic BPF: code, jump if true, if false, operand.
DROP_SYN_PACKETS = (
    (0x30, 0, 0, 13),  # load byte 13 of the TCP header: the flags
    (0x54, 0, 0, 0x12),  # keep SYN | ACK
    (0x15, 0, 1, 0x02),  # only SYN?
    (0x06, 0, 0, 0),  # then accept 0 bytes of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else all of it
)
SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host. The port is taken, but opens only once the models are warm.

    Raises `StartupError`.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sockets.append(socket.socket(family, kind, protocol))
            if os.name == "posix":  # on Windows this option would share the port with another process
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sockets[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
            sockets[-1].bind(address)
    except OSError as error:
        raise StartupError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return sockets


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
