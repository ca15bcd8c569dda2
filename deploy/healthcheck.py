"""The HEALTHCHECK of the images: status 0 if the service in this container is ready.

It imports nothing of the service: it runs every ten seconds. http.client rather than urllib, which would go through a
proxy that the environment names.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys

TIMEOUT_S = 4
PORT_VARIABLES = ("DIGITS_PORT", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT")
LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "localhost"}  # noqa: S104  # only compared


class UnixConnection(http.client.HTTPConnection):
    """`host` is the path of the socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def connection() -> http.client.HTTPConnection:
    """To the address that the service's variables name."""
    if path := os.environ.get("DIGITS_UDS"):
        return UnixConnection(path, 80, TIMEOUT_S)
    ports = [os.environ.get(variable, "") for variable in PORT_VARIABLES]
    port = next(filter(str.isdigit, ports), "8000")  # no number: DIGITS_PORT=tcp://..., of a Service named digits
    host = os.environ.get("DIGITS_HOST", "")
    return http.client.HTTPConnection(LOCAL.get(host, host), int(port), TIMEOUT_S)


def main() -> int:
    try:
        service = connection()
        service.request("GET", "/health/ready", headers={"Host": "localhost"})
        status = service.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(error)
        return 1
    print(status)
    return int(status != http.HTTPStatus.OK)


if __name__ == "__main__":
    sys.exit(main())
