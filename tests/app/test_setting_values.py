"""Keys and origins as people write them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.__main__ import main
from app.settings import Settings
from tests.support.api_keys import digest_of

ONE, TWO = digest_of("one"), digest_of("two")


# --- API keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [f"{ONE}\n{TWO}\n", f"{ONE},{TWO}", f"# ours\n{ONE} # a\r\n\r\n {TWO.upper()} ,\n", f"\ufeff{ONE}\n{TWO}"]
)
@pytest.mark.parametrize("name", ["api_keys", "admin_keys"])
def test_key_file_holds_digests_and_comments(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "keys").write_text(text, encoding="utf-8")
    assert getattr(Settings.model_validate({f"{name}_file": tmp_path / "keys"}), name) == (ONE, TWO)


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing yet\n", b",\n", b"\xff\xfe\x00", b"my-secret\n", None])
def test_key_file_without_a_key_does_not_open_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("DIGITS_API_KEYS_FILE", str(path))
    assert main(["serve"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: DIGITS_API_KEYS_FILE={path}")
    assert "my-secret" not in printed


@pytest.mark.parametrize("name", ["DIGITS_API_KEYS", "DIGITS_ADMIN_KEYS", "DIGITS_API_KEYS_FILE"])
@pytest.mark.parametrize("value", [" ", "\n", ",", "# none"])
def test_variable_that_is_set_and_holds_no_key_does_not_open_the_service(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_option_that_holds_no_key_does_not_open_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--api-keys", "--api-keys-file"):
        assert main(["serve", option, ""]) == 1
        assert "everyone may call" in capsys.readouterr().err


def test_keys_and_a_key_file_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(ONE)
    with pytest.raises(ValidationError, match="both set"):
        Settings(api_keys=TWO, api_keys_file=tmp_path / "keys")


# --- origins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:5173", "http://[::1]:3000", "capacitor://localhost", "*"]
)
def test_origin_is_taken_as_browsers_send_it(origin: str) -> None:
    assert Settings(cors_origins=origin).cors_origins == (origin,)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("https://a.example/", "https://a.example"),
        ("https://a.example/app?x#y", "https://a.example"),
        ("a.example", "https://a.example"),
        ("localhost:3000", "http://localhost:3000"),
        ("https://A.Example", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://user:secret@a.example", "https://a.example"),
    ],
)
def test_other_address_is_refused_with_the_right_origin(wrong: str, right: str) -> None:
    with pytest.raises(ValidationError, match=f"write {right}\\b"):
        Settings(cors_origins=wrong)


@pytest.mark.parametrize("wrong", ["https://*.a.example", "null", "https://", "https://a b", "https://a.example:port"])
def test_what_no_browser_sends_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin such as"):
        Settings(cors_origins=wrong)
