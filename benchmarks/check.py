"""Before a server is timed, its answers are looked at."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import SimpleQueue

import numpy as np

from benchmarks.digits import Question
from benchmarks.http import send
from benchmarks.peer import NoComparison, Route

WANTED_DIGITS = 256
WANTED_ACCURACY = 0.97
SENDERS = 16  # together, so that a batch which mixes up its answers is found out


def accuracy(port: int, route: Route, questions: Sequence[Question]) -> float:
    """Of the answers to different questions. Raises `NoComparison` where it is too low, or a question fails."""
    per_request = len(questions[0].labels)
    asked = questions[: max(1, -(-WANTED_DIGITS // per_request))]
    idle: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()

    def right(question: Question) -> int:
        connection = idle.get()
        try:
            return count_right(connection, route, question)
        finally:
            idle.put(connection)

    with ExitStack() as stack, ThreadPoolExecutor(SENDERS) as pool:
        for _ in range(SENDERS):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            idle.put(stack.enter_context(closing(connection)))
        share = sum(pool.map(right, asked)) / (len(asked) * per_request)
    if share < WANTED_ACCURACY:
        raise NoComparison(f"it reads only {share:.1%} of {len(asked) * per_request} digits")
    return share


def count_right(connection: http.client.HTTPConnection, route: Route, question: Question) -> int:
    try:
        answer = send(connection, route.ask(question))
    except (OSError, http.client.HTTPException) as error:
        raise NoComparison(f"a question is not answered: {error}") from error
    if answer.status != 200:
        raise NoComparison(f"status {answer.status}: {answer.body[:120].decode(errors='replace')}")
    if route.read is None:
        return len(question.labels)
    try:
        read = route.read(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise NoComparison(f"the answer is not what was expected: {answer.body[:120]!r}") from error
    if len(read) != len(question.labels):
        raise NoComparison(f"{len(read)} digits in the answer to {len(question.labels)}")
    return int(np.count_nonzero(read == question.labels))
