"""What is done for a request names its key and its id; what is done in tasks of it, too."""

from __future__ import annotations

import asyncio

from app.audit.author import CURRENT_AUTHOR, SERVICE, Author, acting
from app.observability.request_context import enter_request


def test_without_a_request_the_service_acts() -> None:
    assert CURRENT_AUTHOR.get() == SERVICE
    with acting("poll"):
        assert CURRENT_AUTHOR.get() == Author("poll", None, None)
    assert CURRENT_AUTHOR.get() == SERVICE


def test_a_task_acts_for_the_request_that_began_it() -> None:
    async def author_of_task() -> Author:
        enter_request({b"x-request-id": b"one"})

        async def task() -> Author:
            await asyncio.sleep(0)
            return CURRENT_AUTHOR.get()

        with acting("request", "0123abcd"):
            begun = asyncio.create_task(task())
        return await begun

    assert asyncio.run(author_of_task()) == Author("request", "0123abcd", "one")
