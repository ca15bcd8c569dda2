"""Results on standard output, and the exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import main
from app.result_output import without_formula
from tests.conftest import ROOT

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and signals of Unix")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*arguments: str | Path) -> int:
    return main(["predict", "--models", str(ROOT / "models"), "--device", "cpu", *map(str, arguments)])


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app", "predict", "--device", "cpu", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


# --- the status -------------------------------------------------------------------------------------------------------


def test_status_tells_a_bad_picture_from_a_failed_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.png").write_bytes(SEVEN)
    assert predict("good.png") == 0
    (folder / "bad.png").write_bytes(SEVEN[:100])
    assert predict(".") == 3
    assert predict(".", "--model", "letters") == 1
    assert predict(".", "missing") == 1
    assert "missing: The file cannot be read: No such file" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        predict()


def test_empty_path_is_not_the_current_folder(folder: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict("")


def test_what_was_not_read_is_said_in_a_line_of_each_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1.svg", "2.svg", "3.pdf"):
        (folder / name).write_bytes(b"")
    assert predict(".") == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        ".: there is no picture in this folder that can be read",
        "not read, because their formats are not supported: 2 SVG, 1 PDF; convert them to PNG or JPEG",
    ]


@on_unix
def test_link_to_a_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "1.png").write_bytes(SEVEN)
    (folder / "link").symlink_to(".")
    assert predict(".") == 0
    assert capsys.readouterr().err.startswith("link: a link to a folder, which is not followed")


# --- the formats ------------------------------------------------------------------------------------------------------


@on_unix
@pytest.mark.parametrize("name", ["=1+1", "-1", "+1", "@SUM(1)", " =1+1", "\t=1+1", "\uff1d1+1", "\uff0d1"])
def test_no_name_of_a_file_is_a_formula(name: str) -> None:
    assert without_formula(name) == f"./{name}"


@pytest.mark.parametrize("name", ["-", "1-1", "a=1"])
def test_a_harmless_name_of_a_file_stays(name: str) -> None:
    assert without_formula(name) == name


def test_any_name_of_a_file_leaves_csv_and_json_lines_valid(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Bytes that are not UTF-8, line breaks, quotes, control characters, and what a spreadsheet takes for a formula."""
    names = [
        b"caf\xe9.png",
        b"two\nlines.png",
        b'a,"b".png',
        b"\x1b[31m.png",
        b"=1+1.png",
        b"-1.png",
        "数字.png".encode(),
    ]
    for name in names:
        Path(os.fsdecode(name)).write_bytes(SEVEN)
    expected = {"caf\\xe9.png", "two\nlines.png", 'a,"b".png', "\x1b[31m.png", "=1+1.png", "-1.png", "数字.png"}
    assert predict(".", "--format", "jsonl") == 0
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert {row["file"] for row in rows} == expected
    assert predict(".", "--format", "csv") == 0
    cells = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode(), newline="")))
    assert {cell["file"].removeprefix("./") for cell in cells} == expected
    assert {cell["file"][0] for cell in cells}.isdisjoint("=+-@")
    assert predict(".") == 0
    table = capsysbinary.readouterr().out.decode().splitlines()
    assert len(table) == len(names)
    assert all(line.isprintable() for line in table)


def test_csv_without_a_result_has_its_header(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict(".", "--format", "csv")
    assert capsys.readouterr().out == "file,digit,confidence,accepted,error\r\n"


@on_unix
@pytest.mark.parametrize("output_format", ["table", "csv"])
def test_names_are_written_whatever_the_encoding_of_the_terminal_is(folder: Path, output_format: str) -> None:
    (folder / "数字.png").write_bytes(SEVEN)
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start(folder, "--format", output_format, stdout=subprocess.PIPE, env=environment)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (r"\u6570\u5b57.png" if output_format == "table" else "数字.png") in out.decode()


# --- an output that ends ----------------------------------------------------------------------------------------------


@on_unix
def test_reader_of_the_output_may_end_early(folder: Path) -> None:
    """As `| head -1` does. Rows are written one by one, so that the first comes at once and none is lost."""
    for index in range(200):
        (folder / f"{index}.png").write_bytes(SEVEN)
    with start(folder, "--format", "jsonl", "--max-batch-size", "1", stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["digit"] == 7
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@on_unix
def test_full_disk_is_an_error_of_one_line(folder: Path) -> None:
    (folder / "1.png").write_bytes(SEVEN)
    with Path("/dev/full").open("wb") as full:
        process = start(folder, stdout=full)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"error: standard output cannot be written: No space left on device\n")


@on_unix
def test_closed_streams_are_an_error_and_mix_nothing_up(folder: Path) -> None:
    (folder / "1.png").write_bytes(SEVEN[:100])
    process = start(folder, preexec_fn=lambda: os.close(1))
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"error: standard output is closed: redirect it to a file\n")
    process = start(folder, "--format", "csv", stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert len(out.splitlines()) == 2  # nothing of standard error


@on_unix
def test_interrupted_run_leaves_whole_lines(folder: Path) -> None:
    for index in range(1000):  # more lines than a pipe holds
        (folder / f"{index}.png").write_bytes(SEVEN)
    process = start(folder, "--format", "jsonl", "--max-batch-size", "1", stdout=subprocess.PIPE)
    assert process.stdout
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b""
    lines = (first + out).splitlines(keepends=True)
    assert all(line.endswith(b"\n") and json.loads(line)["digit"] == 7 for line in lines)


# --- an input that is no file -----------------------------------------------------------------------------------------


@on_unix
def test_picture_may_come_from_standard_input_or_a_pipe(folder: Path) -> None:
    with subprocess.Popen(["cat", ROOT / "app/web/static/seven.png"], stdout=subprocess.PIPE) as cat:
        process = start("-", "--format", "csv", stdin=cat.stdout, stdout=subprocess.PIPE)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()[1][:4]) == (0, b"-,7,")


@on_unix
def test_file_without_end_is_an_error_of_that_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "1.png").write_bytes(SEVEN)
    assert predict("/dev/zero", "1.png", "--max-pixels", "10000") == 3
    first, second = capsys.readouterr().out.splitlines()
    assert "more than 16,857,216 bytes" in first
    assert second.startswith("7")
