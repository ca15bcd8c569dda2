"""Settings come from the command line, variables and defaults, in this order."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.__main__ import build_parser, main
from app.settings import ReadingSettings, Settings
from tests.conftest import ROOT
from tests.support import settings_table
from tests.support.api_keys import digest_of


def test_variable_overrides_the_default_and_an_option_overrides_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().port == 8000
    monkeypatch.setenv("DIGITS_PORT", "9000")
    assert Settings().port == 9000
    arguments = build_parser().parse_args(["serve", "--port", "9001"])
    assert Settings(port=arguments.port).port == 9001


def test_every_setting_is_an_option_of_serve() -> None:
    arguments = vars(build_parser().parse_args(["serve"]))
    assert set(Settings.model_fields) <= set(arguments)


def test_every_setting_is_documented_with_its_default_and_text() -> None:
    document = (ROOT / "docs/settings.md").read_text().splitlines()
    shown = [line for line in document if line.startswith("| `DIGITS_")]
    assert shown == settings_table.rows(), "run: python -m tests.support.settings_table"


def test_every_setting_has_a_text() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_origins_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_CORS_ORIGINS", "https://a.example, https://b.example")
    assert Settings().cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("policy", ["all", "latest:1", "latest:12", "specific:1", "specific:7,1700000000"])
def test_version_policy_is_all_latest_or_specific(policy: str) -> None:
    assert Settings(version_policy=policy).version_policy == policy


@pytest.mark.parametrize(
    "policy",
    ["", "latest", "latest:0", "latest:-1", "specific:", "specific:1,", "specific:0", "specific:01", "newest:1"],
)
def test_malformed_version_policy_is_refused(policy: str) -> None:
    with pytest.raises(ValidationError):
        Settings(version_policy=policy)


@pytest.mark.parametrize("name", ["a/b", "a:b", "", ".", "..", "a\n"])
def test_model_name_that_no_address_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no address can have this name"):
        Settings(default_model=name)


@pytest.mark.parametrize("name", ["digits", "digits-mlp", "my model", "数字", "v1.0_b"])
def test_model_name_may_be_any_that_an_address_can_have(name: str) -> None:
    assert Settings(default_model=name).default_model == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "gpu"},
        {"precision": "int4"},
        {"port": 70_000},
        {"max_batch_size": 0},
        {"max_pictures": 50, "max_queue_size": 49},
    ],
)
def test_wrong_value_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_int8_on_a_gpu_is_refused(device: str) -> None:
    with pytest.raises(ValidationError, match="DIGITS_PRECISION and DIGITS_DEVICE exclude each other"):
        Settings(precision="int8", device=device)


def test_key_given_instead_of_its_digest_is_refused_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--api-keys", "--admin-keys"):
        assert main(["serve", option, "my-secret"]) == 1
        printed = capsys.readouterr()
        assert option in printed.err
        assert "my-secret" not in printed.err + printed.out


def test_digest_of_a_new_key_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key"]) == 0
    (_, key, *_), (_, digest, *_) = (line.split() for line in capsys.readouterr().out.splitlines())
    assert Settings(api_keys=f"{digest}, {digest_of('another')}").api_keys == (digest, digest_of("another"))
    assert digest == digest_of(key)
    assert len(key) >= 32
    assert main(["key"]) == 0
    assert key not in capsys.readouterr().out


@pytest.mark.parametrize("route", ["health", "/a/{name}", "/a?b", "/a#b"])
def test_route_of_the_platform_must_be_a_plain_path(monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", route)
    with pytest.raises(ValidationError):
        Settings()


def test_our_own_port_takes_precedence_over_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8080")  # of Cloud Run, Heroku, Render
    assert Settings().port == 8080
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "8081")
    assert Settings().port == 8081
    monkeypatch.setenv("AIP_HTTP_PORT", "8082")
    assert Settings().port == 8082
    monkeypatch.setenv("DIGITS_PORT", "8083")
    assert Settings().port == 8083
    assert Settings(port=8084).port == 8084


def test_version_labels_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_VERSION_LABELS", "digits/stable=1, digits/canary=1700000000,")
    assert Settings().version_labels == (("digits", "stable", 1), ("digits", "canary", 1700000000))


@pytest.mark.parametrize(
    "labels",
    ["stable=1", "digits/stable", "digits/stable=new", "digits/stable=1,digits/stable=2", "a/b:c=1", "a/7=1", "a/b=0"],
)
def test_malformed_version_labels_are_refused(monkeypatch: pytest.MonkeyPatch, labels: str) -> None:
    monkeypatch.setenv("DIGITS_VERSION_LABELS", labels)
    with pytest.raises(ValidationError):
        Settings()


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_memory_is_shared_among_the_workers() -> None:
    one, two = Settings(memory_bytes=2**30), Settings(memory_bytes=2**30, workers=2)
    assert (one.memory_bytes_per_worker, two.memory_bytes_per_worker) == (2**30, 2**29)
    assert (one.inflight_bytes, two.inflight_bytes) == (96 * 2**20, 48 * 2**20)
    assert Settings(max_inflight_bytes=2**28, workers=2).inflight_bytes == 2**27


def test_memory_is_by_default_what_the_process_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.settings.memory_limit", lambda: (2**29, "control group"))
    assert Settings(workers=2).memory_bytes_per_worker == 2**28
    assert Settings(workers=2, max_body_bytes=2**20).inflight_bytes == 2**25


def test_body_of_the_maximum_size_always_fits() -> None:
    assert Settings(memory_bytes=2**27, max_body_bytes=2**26).inflight_bytes > 2 * 2**26
    with pytest.raises(ValidationError, match="would never fit"):
        Settings(max_inflight_bytes=2**26, max_body_bytes=2**24, workers=2)


@pytest.mark.parametrize("value", ["inf", "nan", "1e9"])
def test_time_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DIGITS_DRAIN_SECONDS", value)
    with pytest.raises(ValidationError):
        Settings()


def test_switch_without_a_value_is_on() -> None:
    assert build_parser().parse_args(["serve", "--access-log", "--port", "1"]).access_log == "true"


def test_metrics_port_is_another_port() -> None:
    with pytest.raises(ValidationError, match="are the same"):
        Settings(port=9000, metrics_port=9000)


def test_command_line_takes_no_setting_that_it_does_not_use() -> None:
    """It reads documents of any length: nobody else waits meanwhile."""
    assert "max_pages" not in ReadingSettings.model_fields
    assert "max_pages" in Settings.model_fields
