"""What the audit log says of loads, unloads and refusals, and that none of them happens without it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.audit.log import AuditLog, open_log
from app.audit.verify import verify_log
from app.errors import AuditUnavailable
from app.repository.exchange import refused, relabelled
from app.repository.manifest import GRAPH_FILE
from app.repository.refusal import ALL_MODELS, WHOLE_FOLDER, Refusal
from app.repository.repository import ModelRepository
from app.repository.version_folders import LABELS_FILE
from tests.support.model_versions import add_version
from tests.support.repositories import repository, until, versions_of


def audited(root: Path, audit: AuditLog, **settings: Any) -> ModelRepository:
    models = repository(root, **settings)
    models.audit = audit
    return models


def acts(audit: AuditLog) -> list[tuple[str, str, str, str]]:
    """Of what happened after the start of the process."""
    records = [json.loads(line) for line in audit.path.read_bytes().splitlines()][1:]
    return [(record["cause"], record["act"], record["subject"], record["outcome"]) for record in records]


@pytest.fixture
def audit(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    return open_log(tmp_path_factory.mktemp("audit") / "audit.log")


def test_what_the_disk_changes_is_recorded_as_polling(copied_models: Path, audit: AuditLog) -> None:
    async def scenario() -> None:
        async with audited(copied_models, audit, policy="latest:1", poll_seconds=0.01) as models:
            damaged = add_version(copied_models, 11)
            (damaged / GRAPH_FILE).write_bytes(b"no graph")
            await until(lambda: bool(models.refusals.get("digits-mlp")) and len(acts(audit)) > 1)
            shutil.rmtree(damaged)
            shutil.rmtree(copied_models / "digits-mlp/10")
            (copied_models / "digits-mlp" / LABELS_FILE).write_text('{"stable": 2}')
            await until(lambda: models.labels.get("digits-mlp") == {"stable": 2})

    asyncio.run(scenario())
    assert acts(audit) == [
        ("start", "load", "digits-mlp/10", "done"),
        ("poll", "load", "digits-mlp/11", "refused"),
        ("poll", "load", "digits-mlp/2", "done"),
        ("poll", "unload", "digits-mlp/10", "done"),
        ("poll", "label", "digits-mlp/stable", "done"),
    ]
    verify_log(audit.path)


def test_nothing_is_loaded_or_unloaded_that_cannot_be_recorded(copied_models: Path, audit: AuditLog) -> None:
    async def scenario() -> None:
        async with audited(copied_models, audit, policy="latest:1", poll_seconds=0) as models:
            audit.path.rename(audit.path.with_suffix(".old"))
            add_version(copied_models, 11)
            for act in (models.load, models.unload):
                with pytest.raises(AuditUnavailable):
                    await act("digits-mlp")
                assert versions_of(models) == [10]
            audit.path.with_suffix(".old").rename(audit.path)
            await models.load("digits-mlp")
            assert versions_of(models) == [11]

    asyncio.run(scenario())
    assert [act[1:] for act in acts(audit)] == [
        ("load", "digits-mlp/10", "done"),
        ("load", "digits-mlp/11", "done"),
        ("unload", "digits-mlp/10", "done"),
    ]


def test_polling_goes_on_once_the_log_can_be_written_again(copied_models: Path, audit: AuditLog) -> None:
    async def scenario() -> None:
        async with audited(copied_models, audit, policy="latest:1", poll_seconds=0.01) as models:
            audit.path.rename(audit.path.with_suffix(".old"))
            add_version(copied_models, 11)
            await asyncio.sleep(0.3)
            assert versions_of(models) == [10]
            audit.path.with_suffix(".old").rename(audit.path)
            await until(lambda: versions_of(models) == [11])

    asyncio.run(scenario())


def test_a_refusal_is_recorded_once_and_not_while_files_are_still_copied() -> None:
    known, copying = {"2": Refusal("damaged")}, {"2": Refusal("damaged"), "3": Refusal("half", provisional=True)}
    assert [act.subject for act in refused("m", {}, known)] == ["m/2"]
    assert list(refused("m", known, copying)) == []
    assert [act.reason for act in refused("m", known, {"2": Refusal("worse")})] == ["worse"]
    assert [act.subject for act in refused(ALL_MODELS, {}, {WHOLE_FOLDER: Refusal("gone")})] == ["all models"]


def test_labels_that_move_come_and_go_are_recorded() -> None:
    acts = relabelled("m", {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "d": 3})
    assert [(act.subject, act.reason) for act in acts] == [
        ("m/b", "names version 2"),
        ("m/c", "names no version"),
        ("m/d", "names version 3"),
    ]
