"""The environment variables that settings come from, as people and platforms set them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.__main__ import main
from app.environment import clean, service_links
from app.errors import StartupError
from app.settings import Settings
from tests.conftest import ROOT
from tests.support.service import serving

SERVICE_LINKS = {
    "DIGITS_PORT": "tcp://10.0.0.1:8000",
    "DIGITS_SERVICE_HOST": "10.0.0.1",
    "DIGITS_SERVICE_PORT": "8000",
    "DIGITS_SERVICE_PORT_HTTP": "8000",
    "DIGITS_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "DIGITS_PORT_8000_TCP_ADDR": "10.0.0.1",
    "DIGITS_PORT_8000_TCP_PORT": "8000",
    "DIGITS_PORT_8000_TCP_PROTO": "tcp",
    "DIGITS_METRICS_PORT": "tcp://10.0.0.2:9090",
    "DIGITS_CANARY_SERVICE_HOST": "10.0.0.3",
    "DIGITS_DNS_PORT_53_UDP": "udp://10.0.0.4:53",
}


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as caught:
        Settings()
    return str(caught.value)


def printed_refusal(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["serve", *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return str(line)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests are run with one (conftest.py)."""
    monkeypatch.delenv("DIGITS_PRECISION")


# --- unset, unknown, twice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WORKERS", "PORT", "MODELS", "DEVICE", "ACCESS_LOG", "UDS", "API_KEYS", "UNKNOWN"])
def test_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", "")
    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize(("wrong", "right"), [("MODEL", "MODELS"), ("API_KEY", "API_KEYS"), ("WORKER", "WORKERS")])
def test_unknown_variable_is_refused_with_the_nearest_known_one(
    monkeypatch: pytest.MonkeyPatch, wrong: str, right: str
) -> None:
    assert f"DIGITS_{wrong} is not a setting (nearest: DIGITS_{right})" in refusal(
        monkeypatch, **{f"DIGITS_{wrong}": "x"}
    )


def test_value_of_an_unknown_variable_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a key."""
    assert "my-secret" not in refusal(monkeypatch, DIGITS_API_KEY="my-secret")


def test_setting_that_is_set_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "are the same setting" in refusal(monkeypatch, DIGITS_WORKERS="1", digits_workers="2")


def test_name_in_lower_case_is_the_same_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("digits_workers", "2")
    assert Settings().workers == 2


@pytest.mark.parametrize("value", ["None", "null", "<nil>", "<no value>", "undefined"])
@pytest.mark.parametrize("name", ["UDS", "WORKERS", "CORS_ORIGINS"])
def test_placeholder_of_a_template_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert f"DIGITS_{name}={value}" in refusal(monkeypatch, **{f"DIGITS_{name}": value})


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2", "2 ", " 2\r\n", '"2"', "'2'", '" 2 "'])
def test_white_space_and_quotes_around_a_value_are_removed(text: str) -> None:
    assert clean(text) == "2"


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("MAX_BODY_BYTES", "1.6777216e+07", 2**24),
        ("MEMORY_BYTES", "1.073741824e+09", 2**30),
        ("MAX_PIXELS", "5e+07", 50_000_000),
    ],
)
def test_large_numbers_are_read_as_helm_writes_them(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, number: int
) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", text)
    assert getattr(Settings(), name.lower()) == number


@pytest.mark.parametrize("text", ["1.5e+00", "1.23456789e+07x", "1e-3", "5e+99"])
def test_a_fraction_or_a_number_out_of_range_is_refused_with_an_exponent_too(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("DIGITS_PORT", text)
    with pytest.raises(ValidationError):
        Settings()


PATHS = ["UDS", "MODELS", "REQUIRE_SIGNATURE_BY", "AUDIT_LOG", "TEMPLATES", "CORRECTIONS"]


@pytest.mark.parametrize("name", PATHS)
def test_tilde_is_the_home_folder_in_every_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DIGITS_CORRECTIONS_OPEN", "true")
    monkeypatch.setenv(f"DIGITS_{name}", "~/here")
    assert getattr(Settings(), name.lower()) == tmp_path / "here"
    monkeypatch.setenv(f"DIGITS_{name}", "~nobody-at-all/here")
    with pytest.raises(ValidationError, match="there is no home folder ~nobody-at-all"):
        Settings()


@pytest.mark.parametrize("name", ["API_KEYS", "ADMIN_KEYS"])
def test_tilde_is_the_home_folder_in_the_path_of_a_key_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys").write_text("a" * 64)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(f"DIGITS_{name}_FILE", "~/keys")
    assert getattr(Settings(), name.lower()) == ("a" * 64,)
    assert getattr(Settings(), f"{name.lower()}_file") == tmp_path / "keys"


@pytest.mark.parametrize("text", ["true", "True", "YES", "on", "1", '"yes"'])
def test_booleans_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIGITS_ACCESS_LOG", text)
    assert Settings().access_log is True


@pytest.mark.parametrize(("name", "text", "value"), [("LOG_LEVEL", "WARNING", "warning"), ("DEVICE", "CPU", "cpu")])
def test_choices_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: str) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", text)
    assert getattr(Settings(), name.lower()) == value


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def test_service_links_of_kubernetes_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE_LINKS.items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_construct()
    assert set(service_links()) == set(SERVICE_LINKS)


def test_metrics_port_is_a_setting_beside_service_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_PORT", SERVICE_LINKS["DIGITS_PORT"])
    monkeypatch.setenv("DIGITS_METRICS_PORT", "9090")
    assert Settings().metrics_port == 9090
    assert service_links() == ["DIGITS_PORT"]


# --- errors -----------------------------------------------------------------------------------------------------------


def test_error_names_the_variable_and_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "two")
    assert printed_refusal(capsys).startswith("error: DIGITS_WORKERS=two: ")


def test_error_names_the_option_if_the_value_came_from_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "2")
    assert printed_refusal(capsys, "--workers", "two").startswith("error: --workers two: ")


def test_error_names_the_variable_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIP_HTTP_PORT", "http")
    assert printed_refusal(capsys).startswith("error: AIP_HTTP_PORT=http: ")


def test_error_about_two_settings_names_the_places_of_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_MAX_QUEUE_SIZE", "100")
    line = printed_refusal(capsys, "--max-batch-size", "200")
    assert "--max-batch-size 200 is greater than DIGITS_MAX_QUEUE_SIZE=100" in line


def test_error_is_one_line_whatever_the_value_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "1\n2")
    assert r"DIGITS_WORKERS='1\n2'" in printed_refusal(capsys)


# --- variables of other programs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "foreign",
    [
        {"OTEL_PROPAGATORS": "b3,tracecontext", "OTEL_PYTHON_CONTEXT": "nonsense", "OTEL_SDK_DISABLED": "true"},
        {
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense",
            "OTEL_RESOURCE_ATTRIBUTES": "a,=",
        },
        {"PROMETHEUS_MULTIPROC_DIR": "/nowhere", "OTEL_PYTHON_TRACER_PROVIDER": "nonsense"},
        {"prometheus_multiproc_dir": "/proc", "OTEL_TRACES_SAMPLER": "nonsense"},
    ],
    ids=lambda foreign: next(iter(foreign)),
)
def test_variables_for_a_whole_pod_do_no_harm(monkeypatch: pytest.MonkeyPatch, foreign: dict[str, str]) -> None:
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    with serving("--device", "cpu") as service:
        assert service.get("/models")[0] == 200
        assert service.metric("digits_requests_in_flight") == 1


def test_other_verbs_start_with_such_variables_too() -> None:
    command = [sys.executable, "-m", "app", "--version"]
    environment = {"OTEL_PROPAGATORS": "b3", "PROMETHEUS_MULTIPROC_DIR": "/nowhere", "PATH": "/usr/bin"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
