from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from training import provenance


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With one commit of 2001."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2001-02-03T04:05:06Z")
    (tmp_path / "code.py").write_text("one")
    for command in ("init -q", "add code.py", "-c user.name=a -c user.email=a@b commit -q -m first"):
        subprocess.run(["git", "-C", str(tmp_path), *command.split()], check=True)
    return tmp_path


def test_the_commit_says_whether_files_differ_from_it(repository: Path) -> None:
    clean = provenance.commit()
    assert clean is not None
    assert re.fullmatch(r"[0-9a-f]{40}", clean)
    (repository / "code.py").write_text("two")
    assert provenance.commit() == f"{clean}-dirty"


def test_code_in_no_repository_has_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has an environment that lies in a repository of something else."""
    (repository / "environment").mkdir()
    monkeypatch.setattr(provenance, "ROOT", repository / "environment")
    assert provenance.commit() is None


@pytest.mark.usefixtures("repository")
def test_the_date_is_that_of_the_commit_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.creation_date() == "2001-02-03T04:05:06+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert provenance.creation_date() == "1970-01-01T00:00:00+00:00"


def test_the_kind_of_machine_names_architecture_and_cores() -> None:
    assert re.fullmatch(r"\S+( \w+)* \d+ cores", provenance.machine_kind())
