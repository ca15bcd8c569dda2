"""The accuracy of a server's responses, checked before the server is timed."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import SimpleQueue

import numpy as np

from benchmarks.http import send
from benchmarks.payloads import Payload
from benchmarks.peer import NotComparable, Route

MIN_DIGITS = 256  # that are sent
MIN_ACCURACY = 0.97  # 0 to 1; with the right preprocessing the models reach 0.99 on these digits
CONNECTIONS = 16  # at once, so that a batch whose responses are mixed up is noticed
REQUEST_SECONDS = 60


def check_accuracy(port: int, route: Route, payloads: Sequence[Payload]) -> float:
    """Sends at least 256 different digits and returns the share, 0 to 1, that is read right.

    Raises `NotComparable` if the share is below 0.97 or a request fails.
    """
    digits_per_request = len(payloads[0].labels)
    sent = payloads[: max(1, -(-MIN_DIGITS // digits_per_request))]
    idle: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()

    def correct_digits(payload: Payload) -> int:
        connection = idle.get()
        try:
            return count_correct(connection, route, payload)
        finally:
            idle.put(connection)

    with ExitStack() as stack, ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in range(CONNECTIONS):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
            idle.put(stack.enter_context(closing(connection)))
        accuracy = sum(pool.map(correct_digits, sent)) / (len(sent) * digits_per_request)
    if accuracy < MIN_ACCURACY:
        raise NotComparable(f"its accuracy is only {accuracy:.1%} on {len(sent) * digits_per_request} digits")
    return accuracy


def count_correct(connection: http.client.HTTPConnection, route: Route, payload: Payload) -> int:
    """All digits of the payload where the route has no parser. Raises `NotComparable`, as above."""
    try:
        response = send(connection, route.build(payload))
    except (OSError, http.client.HTTPException) as error:
        raise NotComparable(f"a request failed: {error}") from error
    if response.status != 200:
        raise NotComparable(f"status {response.status}: {response.body[:120].decode(errors='replace')}")
    if route.parse is None:
        return len(payload.labels)
    try:
        digits = route.parse(response)
    except (KeyError, TypeError, ValueError) as error:
        raise NotComparable(f"unexpected response body: {response.body[:120]!r}") from error
    if len(digits) != len(payload.labels):
        raise NotComparable(f"the response to {len(payload.labels)} digits names {len(digits)}")
    return int(np.count_nonzero(digits == payload.labels))
