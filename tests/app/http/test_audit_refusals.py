"""Refused administrative requests have a record, with the id of the key if there is one, and never the key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.audit.log import AuditLog, open_log
from app.audit.verify import verify_log
from app.http.audit_refusals import PER_MINUTE, AuditRefusalsMiddleware, RefusalBudget
from app.http.auth import Authenticator
from tests.support.api_keys import digest_of

LOAD = "/v2/repository/models/digits/load"


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    return open_log(tmp_path / "audit.log")


def call(
    audit: AuditLog, status: int, path: str = LOAD, *, key: str = "", times: int = 1, method: str = "POST"
) -> list[int]:
    """Sends requests to an application that answers with the status. Returns what the client gets."""
    got: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body"})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            got.append(message["status"])

    async def scenario() -> None:
        layer = AuditRefusalsMiddleware(app, audit, Authenticator([digest_of("clerk")], [digest_of("admin")]))
        scope = {"type": "http", "method": method, "path": path, "headers": [(b"x-api-key", key.encode())]}
        for _ in range(times):
            await layer(scope, None, send)  # type: ignore[arg-type]  # nothing is received

    asyncio.run(scenario())
    return got


def records(audit: AuditLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit.path.read_bytes().splitlines()][1:]


def test_a_refusal_names_the_model_and_the_id_of_the_key(audit: AuditLog) -> None:
    assert call(audit, 403, key="clerk") == [403]
    (record,) = records(audit)
    assert (record["act"], record["subject"], record["outcome"]) == ("load", "digits", "refused")
    assert (record["key"], record["reason"]) == (digest_of("clerk")[:8], "403: not an administrator's key")
    assert "clerk" not in audit.path.read_text()


def test_an_unknown_key_leaves_nothing_of_itself(audit: AuditLog) -> None:
    """It may be a password that was given by mistake: not even a part of its digest is kept."""
    call(audit, 401, key="password")
    assert "key" not in records(audit)[0]
    assert digest_of("password")[:8] not in audit.path.read_text()


@pytest.mark.parametrize(
    ("status", "path", "method"),
    [
        (200, LOAD, "POST"),
        (404, LOAD, "POST"),
        (401, "/predict", "POST"),
        (401, "/v2/repository/index", "POST"),
        (401, LOAD, "GET"),
        (401, "/v2/repository/models/a/b/load", "POST"),
    ],
)
def test_other_responses_have_no_record_here(audit: AuditLog, status: int, path: str, method: str) -> None:
    assert call(audit, status, path, method=method) == [status]
    assert records(audit) == []


def test_a_log_that_cannot_be_written_still_refuses(audit: AuditLog) -> None:
    audit.path.unlink()
    assert call(audit, 401) == [401]


def test_a_hostile_name_of_a_model_stays_within_its_record(audit: AuditLog) -> None:
    call(
        audit, 401, path='/v2/repository/models/a"\n{"seq":9}\x00é\ud800'.encode("utf-8", "replace").decode() + "/load"
    )
    assert verify_log(audit.path).records == 2


def test_everyone_together_gets_a_bounded_number_of_records(audit: AuditLog) -> None:
    assert call(audit, 401, times=PER_MINUTE + 3) == [401] * (PER_MINUTE + 3)
    assert len(records(audit)) == PER_MINUTE


def test_what_has_no_record_is_counted_in_the_next_one() -> None:
    budget = RefusalBudget()
    taken = [budget.take(now=100) for _ in range(PER_MINUTE + 5)]
    assert taken == [0] * PER_MINUTE + [None] * 5
    assert [budget.take(now=161), budget.take(now=161)] == [5, 0]
