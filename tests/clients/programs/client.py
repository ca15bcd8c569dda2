"""Python's libraries: python client.py BASE PICTURE LARGE LIBRARY"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BASE, PICTURE, LARGE, LIBRARY = sys.argv[1:]
CA = os.environ.get("CA")
CONTEXT = ssl.create_default_context(cafile=CA) if BASE.startswith("https") else None
FORM = b'--b\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n%b\r\n--b--\r\n'
Body = bytes | Iterator[bytes] | None
Send = Callable[[str, str, Body, dict[str, str]], tuple[int, bytes]]


def by_urllib() -> Send:
    def send(method: str, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        request = urllib.request.Request(BASE + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=CONTEXT) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    return send


def by_http_client() -> Send:
    url = urlsplit(BASE)
    host = url.netloc
    connection = http.client.HTTPSConnection(host, context=CONTEXT) if CONTEXT else http.client.HTTPConnection(host)

    def send(method: str, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused: the response may be there
            connection.request(method, url.path + path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    return send


def by_requests() -> Send:
    import requests

    session = requests.Session()

    def send(method: str, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        response = session.request(method, BASE + path, data=body, headers=headers, verify=CA or True)
        return response.status_code, response.content

    return send


def by_httpx() -> Send:
    import httpx

    client = httpx.Client(verify=CONTEXT or True, timeout=60)

    def send(method: str, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        response = client.request(method, BASE + path, content=body, headers=headers)
        return response.status_code, response.content

    return send


def by_aiohttp() -> Send:
    import aiohttp

    loop = asyncio.new_event_loop()

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=CONTEXT or True))

    session = loop.run_until_complete(make())

    async def request(method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        async with session.request(method, BASE + path, data=body, headers=headers) as response:
            return response.status, await response.read()

    def send(method: str, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        content = pieces_of(body) if isinstance(body, Iterator) else body
        return loop.run_until_complete(request(method, path, content, headers))

    async def pieces_of(body: Iterator[bytes]) -> Any:
        for piece in body:
            yield piece

    return send


LIBRARIES = {
    "urllib": by_urllib,
    "http.client": by_http_client,
    "requests": by_requests,
    "httpx": by_httpx,
    "aiohttp": by_aiohttp,
}


def main() -> None:
    send = LIBRARIES[LIBRARY]()
    picture, large = Path(PICTURE).read_bytes(), Path(LARGE).read_bytes()

    def report(name: str, method: str, path: str, body: Body = None, **headers: str) -> None:
        fields = {field.replace("_", "-"): value for field, value in headers.items()}
        try:
            status, text = send(method, path, body, fields)
        except Exception as error:  # noqa: BLE001  # reported as status 0
            status, text = 0, repr(error).encode()
        print(name, status, text.decode().replace("\n", " "), sep="\t")

    report("probe", "GET", "/v2/health/ready")
    report("head", "HEAD", "/v2/health/ready")
    report("post", "POST", "/predict", picture, Content_Type="image/png")
    report("chunked", "POST", "/predict", iter([picture]), Content_Type="image/png")
    report("gzip", "POST", "/predict", gzip.compress(picture), Content_Encoding="gzip")
    report("form", "POST", "/predict", FORM % picture, Content_Type="multipart/form-data; boundary=b")
    if LIBRARY == "aiohttp":
        report("continue", "POST", "/predict", picture, Expect="100-continue")
    report("too large", "POST", "/predict", large, Content_Type="image/png")
    report("too large chunked", "POST", "/predict", iter([large]), Content_Type="image/png")
    for _ in range(3):
        report("again", "POST", "/predict", picture, Content_Type="image/png")


main()
