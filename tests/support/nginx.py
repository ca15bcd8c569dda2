"""The example configuration of nginx in front of a service, with TLS, on ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, wait_until
from tests.support.service_process import free_port

EXAMPLE = ROOT / "deploy/nginx/digits.conf"
PREFIX = "/ml/digits"
MAIN = """
{user}
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/digits.conf;
}}
"""


class Nginx(NamedTuple):
    port: int
    certificate: Path  # clients have to trust it

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}{PREFIX}"


@contextmanager
def nginx_before(upstream: str, folder: Path, changes: Mapping[str, str] | None = None) -> Iterator[Nginx]:
    """`upstream`: host:port or unix:path. `changes`: texts of the example and what replaces them."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    certificate, key = make_certificate(folder)
    port = free_port()
    replacements = {
        "127.0.0.1:8000": upstream,
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "digits.example": "localhost",
        "/etc/nginx/digits.crt": str(certificate),
        "/etc/nginx/digits.key": str(key),
        **(changes or {}),
    }
    text = EXAMPLE.read_text()
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "digits.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user="user root;" if os.geteuid() == 0 else ""))
    process = subprocess.Popen(
        ["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"], stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1].decode()
        yield Nginx(port, certificate)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost and its key, made by openssl."""
    certificate, key = folder / "crt.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run(
        [*command, *subject, "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
