"""Which requests are eligible for the fast path."""

from __future__ import annotations

import pytest

from app.http.auth import Authenticator
from app.http.body_limit import InflightBytes, RequestLimits
from app.http.endpoint import HotRoute, RawRequest, RawResponse
from app.http.fast_path import MAX_URL_BYTES, FastPath, path_pattern


async def echo(request: RawRequest[object]) -> RawResponse:
    return RawResponse(request.body)


LIMITS = RequestLimits(max_body_bytes=10, inflight=InflightBytes(100), timeout_s=1)
FAST_PATH = FastPath([HotRoute("/echo", echo), HotRoute("/about/{name}:echo", echo)], None, limits=LIMITS)
PLAIN = {b"content-length": b"1"}


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        (b"/echo", {}, b""),
        (b"/echo?a=1&b=%20", {}, b"a=1&b=%20"),
        (b"/about/mnist:echo", {"name": "mnist"}, b""),
        (b"/about/%C3%A9:echo?", {"name": "é"}, b""),
        (b"http://example.org/echo?a", {}, b"a"),
        (b"//echo/?a", {}, b"a"),
    ],
)
def test_url_of_a_hot_route_is_taken_apart(url: bytes, path: dict[str, str], query: bytes) -> None:
    match = FAST_PATH.match(b"POST", url, PLAIN)
    assert match
    assert (match.route.endpoint, match.path_params, match.query) == (echo, path, query)


@pytest.mark.parametrize(
    "url",
    [
        *(b"/", b"*", b"", b"echo", b"/echox", b"/Tell", b"/about/a/b:echo", b"/about/:echo"),
        *(b"/about/a%2Fb:echo", b"/about/\xff:echo", b"http://[/echo"),
        b"/echo?" + b"x" * MAX_URL_BYTES,
    ],
)
def test_other_urls_do_not_match(url: bytes) -> None:
    assert FAST_PATH.match(b"POST", url, PLAIN) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"content-length": b"11"},
        {b"content-length": b"1e3"},
        {b"content-length": b"-1"},
        PLAIN | {b"origin": b"https://app.example"},
        PLAIN | {b"content-encoding": b"gzip"},
        PLAIN | {b"transfer-encoding": b"chunked"},
        PLAIN | {b"expect": b"100-continue"},
        PLAIN | {b"upgrade": b"websocket"},
    ],
    ids=str,
)
def test_requests_that_need_fastapis_layers_do_not_match(headers: dict[bytes, bytes]) -> None:
    assert FAST_PATH.match(b"POST", b"/echo", headers) is None


@pytest.mark.parametrize(
    ("method", "headers", "matches"),
    [
        (b"GET", {}, True),
        (b"GET", {b"content-length": b"1"}, False),
        (b"HEAD", {}, False),
        (b"POST", PLAIN, False),
    ],
)
def test_probe_matches_as_get_without_a_body(method: bytes, headers: dict[bytes, bytes], *, matches: bool) -> None:
    probed = FastPath([HotRoute("/alive", echo, "GET")], None, limits=LIMITS)
    assert bool(probed.match(method, b"/alive", headers)) == matches


def test_probe_needs_no_key_where_other_routes_do() -> None:
    routes = [HotRoute("/alive", echo, "GET"), HotRoute("/echo", echo)]
    guarded = FastPath[object](routes, None, limits=LIMITS, authenticator=Authenticator(["0" * 64], []))
    assert guarded.match(b"GET", b"/alive", {})
    assert guarded.match(b"POST", b"/echo", PLAIN) is None


def test_pattern_takes_the_path_literally() -> None:
    assert path_pattern("/a.b/{name}") == r"/a\.b/(?P<name>[^/:]+)"


def test_at_most_a_thousand_urls_are_cached() -> None:
    for number in range(3000):
        FAST_PATH.match(b"POST", b"/echo?%d" % number, PLAIN)
    assert FAST_PATH.cached_route.cache_info().currsize == 1024


def test_url_below_the_prefix_of_a_proxy_matches_with_and_without_it() -> None:
    below = FastPath([HotRoute("/echo", echo)], None, limits=LIMITS, root_path="/ml")
    assert below.match(b"POST", b"/ml/echo?a", PLAIN) == below.match(b"POST", b"/echo?a", PLAIN)
    assert below.match(b"POST", b"/mlx/echo", PLAIN) is None
    assert FAST_PATH.match(b"POST", b"/ml/echo", PLAIN) is None
