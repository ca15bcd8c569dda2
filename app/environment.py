"""The environment variables that settings come from: our own, DIGITS_<NAME>, and those of platforms."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import entry_points
from typing import NamedTuple

from pydantic import ValidationError

from app.errors import StartupError

PREFIX = "DIGITS_"

# Variables of Vertex AI, SageMaker, TensorFlow Serving, and Cloud Run and others (PORT), for settings that are not set.
# They have no prefix; the first that is set counts.
PLATFORM_VARIABLES = {
    "default_model": ("MODEL_NAME",),
    "port": ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT"),
    "health_route": ("AIP_HEALTH_ROUTE",),
    "predict_route": ("AIP_PREDICT_ROUTE",),
}

# White space alone does not unset these: a Secret that holds a line break by mistake must not open the service.
KEY_SETTINGS = frozenset({"api_keys", "api_keys_file", "admin_keys", "admin_keys_file"})

# Kubernetes describes every Service to every pod. One named `digits` gives DIGITS_PORT=tcp://10.0.0.1:8000,
# DIGITS_SERVICE_HOST, DIGITS_PORT_8000_TCP_ADDR and others, and one named `digits-metrics` DIGITS_METRICS_PORT=tcp://...
SERVICE_LINK = re.compile(r"\w+_SERVICE_(HOST|PORT(_\w+)?)|\w+_PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?")
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")

# What templates write for a value that they do not have.
PLACEHOLDERS = frozenset({"none", "null", "nil", "<nil>", "<no value>", "undefined"})

MAX_SHOWN = 200  # characters of a value in a message


class Origin(NamedTuple):
    """Where a setting comes from, and what stands there."""

    source: str  # DIGITS_WORKERS or --workers
    value: str

    def __str__(self) -> str:
        value = one_line(self.value[:MAX_SHOWN])
        return f"{self.source} {value}" if self.source.startswith("--") else f"{self.source}={value}"


def one_line(text: str) -> str:
    """As it is if it can be seen, else as a literal."""
    return text if text and text.isprintable() else repr(text)


def variable_of(setting: str) -> str:
    return PREFIX + setting.upper()


def option_of(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def read_variables(settings: Collection[str], known: Collection[str] = ()) -> dict[str, Origin]:
    """The settings that variables give, by name. Our own variables go before a platform's; an empty one is unset.

    Variables of other `known` settings are passed over, without any settings all. Raises `StartupError` if a variable
    is unknown, set twice, or holds a placeholder.
    """
    found: dict[str, Origin] = {}
    unknown = []
    for setting, origin in own_variables():
        if setting not in settings:
            if setting not in known:
                unknown.append(f"{origin.source} is not a setting{nearest(setting, known or settings)}")
        elif setting in found:
            raise StartupError(f"{origin.source} and {found[setting].source} are the same setting: remove one of them")
        elif origin.value.lower() in PLACEHOLDERS:
            raise StartupError(f"{origin}: leave the variable empty, or out, for the default")
        else:
            found[setting] = origin
    if unknown and settings:
        raise StartupError(", ".join(unknown) + ": `python -m app serve --help` lists all settings")
    return {name: origin for name, origin in platform_variables().items() if name in settings} | found


def own_variables() -> Iterator[tuple[str, Origin]]:
    """The variables with our prefix, in any case, that are set and no service links."""
    for variable, text in sorted(os.environ.items()):
        setting, value = variable[len(PREFIX) :].lower(), clean(text)
        is_set = value or (text and setting in KEY_SETTINGS)
        if variable.upper().startswith(PREFIX) and is_set and not is_service_link(variable, value):
            yield setting, Origin(variable, value)


def clean(text: str) -> str:
    """Without the white space and the quotes around a value that env files leave."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def is_service_link(variable: str, value: str) -> bool:
    return bool(SERVICE_LINK.fullmatch(variable.upper()) or SERVICE_ADDRESS.fullmatch(value))


def service_links() -> list[str]:
    """The variables with our prefix that Kubernetes has set."""
    return [
        variable
        for variable, text in sorted(os.environ.items())
        if variable.upper().startswith(PREFIX) and is_service_link(variable, clean(text))
    ]


def nearest(setting: str, settings: Collection[str]) -> str:
    matches = difflib.get_close_matches(setting, settings, n=1)
    return f" (nearest: {variable_of(matches[0])})" if matches else ""


def platform_variables() -> dict[str, Origin]:
    """Of several variables for one setting, the first that is set."""
    found = {}
    for setting, variables in PLATFORM_VARIABLES.items():
        for variable in reversed(variables):
            if value := clean(os.environ.get(variable, "")):
                found[setting] = Origin(variable, value)
    return found


# --- variables that libraries read when they are imported -------------------------------------------------------------

METRICS_FOLDERS = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
# OpenTelemetry's API looks for these plug-ins, and raises if one is not installed. An operator sets such variables for
# all containers of a pod.
PLUG_INS = {"OTEL_PROPAGATORS": "opentelemetry_propagator", "OTEL_PYTHON_CONTEXT": "opentelemetry_context"}
changed: list[str] = []  # the variables with such a name


def drop_foreign_variables(*, keep_metrics_folder: bool) -> None:
    """Call before the imports. The metrics folder is another program's, except in a worker of ours."""
    for variable in METRICS_FOLDERS if not keep_metrics_folder else ():
        os.environ.pop(variable, None)
    for variable, group in PLUG_INS.items():
        names = [name.strip() for name in os.environ.get(variable, "").split(",")]
        installed = [name for name in names if name.lower() == "none" or entry_points(group=group, name=name)]
        if any(names) and installed != names:
            changed.append(variable)  # logged later: there is no log before the settings are read
            os.environ[variable] = ",".join(installed)  # empty: OpenTelemetry's default


# --- errors -----------------------------------------------------------------------------------------------------------


def explain(error: ValidationError, origins: Mapping[str, Origin], secrets: Collection[str]) -> str:
    """The first of the errors, with the place of the wrong value, and the value unless the setting is a secret."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    message = re.sub(rf"{PREFIX}([A-Z_]+)", lambda match: place(match[1].lower(), origins, secrets), message)
    if not first["loc"]:
        return message
    name, *item = first["loc"]
    position = f", key {item[0] + 1}" if name in secrets and item and isinstance(item[0], int) else ""
    return f"{place(str(name), origins, secrets)}{position}: {message}"


def place(setting: str, origins: Mapping[str, Origin], secrets: Collection[str]) -> str:
    """Where a setting's value comes from; its variable if it has its default."""
    origin = origins.get(setting)
    if origin is None:
        origin = origins.get(f"{setting}_file")
        return str(origin) if origin else variable_of(setting)
    return origin.source if setting in secrets else str(origin)
