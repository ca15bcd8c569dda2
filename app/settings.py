"""Every option of the service: its text, unit and default. An option of the command line beats its variable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

DeviceChoice = Literal["auto", "cuda", "tensorrt", "cpu"]
LogFormat = Literal["text", "json"]
Route = Annotated[str, Field(pattern="^(/[^{}?#]*)?$")]

# Where a platform says for what is not set here. Its names are its own, without our prefix.
OF_PLATFORMS = {
    "port": ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"),
    "health_route": ("AIP_HEALTH_ROUTE",),
    "predict_route": ("AIP_PREDICT_ROUTE",),
}


# Of keys, hexadecimal. A key put here by mistake is not repeated in what is said about it.
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Digests = Annotated[tuple[Digest, ...], NoDecode]


class VersionLabel(NamedTuple):
    model: str
    label: str
    version: int


class Settings(BaseSettings):
    """Read once, at the start, from DIGITS_<NAME>; handed on as plain values."""

    model_config = SettingsConfigDict(env_prefix="DIGITS_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        description="Port to listen on; where it is not set, AIP_HTTP_PORT or SAGEMAKER_BIND_TO_PORT.",
    )
    workers: int = Field(
        1, ge=1, description="Processes that serve: on a machine without a GPU, up to one for each core."
    )
    worker_timeout_seconds: int = Field(
        10, ge=1, description="Seconds without a sign of life after which one of several workers is replaced."
    )
    device: DeviceChoice = Field(
        "auto",
        description="cuda, tensorrt: a GPU or no start; cpu; auto: CUDA where it works, else the CPU, said in the log.",
    )
    models: Path = Field(Path("models"), description="Folder of models/<name>/<version>/.")
    default_model: str = Field("digits", description="The model that answers when a request names none.")
    version_policy: str = Field(
        "all",
        pattern=r"^(all|latest:[1-9][0-9]{0,8}|specific:[0-9]{1,9}(,[0-9]{1,9})*)$",
        description="Versions of each model that are served: all, latest:2 (the two largest) or specific:1,3.",
    )
    model_poll_seconds: float = Field(
        2, ge=0, description="Seconds between looks for versions that came, changed or went; 0: only at the start."
    )
    require_signature_by: Path | None = Field(
        None, description="A public key (PEM, elliptic): versions that its owner has not signed are refused."
    )
    api_keys: Digests = Field(
        (), description="SHA-256 digests, with commas between, of the keys that callers need; none: nobody needs one."
    )
    admin_keys: Digests = Field(
        (), description="Such of the keys that may load and unload models too (V2 repository routes); none: nobody may."
    )
    max_batch_size: int = Field(64, ge=1, description="Images in one run of a model.")
    max_batch_delay_ms: float = Field(
        0, ge=0, description="How long the first image of a batch may wait for company, in milliseconds."
    )
    max_queue_size: int = Field(1024, ge=1, description="Images waiting for one model; beyond it: 503.")
    max_queue_ms: float = Field(
        150, gt=0, description="How long an image would wait for its run, in milliseconds; beyond it: 503."
    )
    timeout_ms: float = Field(
        10_000, gt=0, description="How long a request may wait for its answer, in milliseconds; beyond it: 504."
    )
    max_pictures: int = Field(256, ge=1, description="Pictures in one request, and digits on one page; beyond it: 413.")
    max_pixels: int = Field(50_000_000, ge=784, description="Pixels of one picture; beyond it: 413 before decoding.")
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="Bytes of one request's body; beyond it: 413.")
    version_labels: Annotated[tuple[VersionLabel, ...], NoDecode] = Field(
        (),
        description="Names for versions in the V1 protocol, with commas between: digits/stable=1. "
        "They beat those in models/<name>/labels.json.",
    )
    health_route: Route = Field(
        "", description="A further address of /ping; where it is not set, AIP_HEALTH_ROUTE, Vertex AI's."
    )
    predict_route: Route = Field(
        "", description="A further address of /invocations; where it is not set, AIP_PREDICT_ROUTE, Vertex AI's."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins, with commas between, whose pages may call the service; * for all."
    )
    drain_seconds: float = Field(
        5, ge=0, description="Seconds between SIGTERM (not ready any more) and the last new connection."
    )
    shutdown_seconds: int = Field(20, ge=1, description="Seconds that requests under way have to end after that.")
    fast_path: bool = Field(
        True,
        description="Answer hot routes without FastAPI's layers; false: all requests pass them, which is slower.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    log_format: LogFormat = Field("text", description="How: text, or json: an object a line.")
    access_log: bool = Field(
        False, description="A line for each request: method, path, status, time, its id and its trace's."
    )
    tracing: bool = Field(
        False,
        description="A span for each request, sent where OTEL_EXPORTER_OTLP_ENDPOINT says; needs the extra otel, "
        "and hot routes are slower.",
    )

    @field_validator("cors_origins", "api_keys", "admin_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return split(value) if isinstance(value, str) else value

    @field_validator("version_labels", mode="before")
    @classmethod
    def _read_labels(cls, value: Any) -> Any:
        return tuple(read_label(each) for each in split(value)) if isinstance(value, str) else value

    @field_validator("version_labels")
    @classmethod
    def _labels_once(cls, labels: tuple[VersionLabel, ...]) -> tuple[VersionLabel, ...]:
        if len({(each.model, each.label) for each in labels}) < len(labels):
            raise ValueError("a model has a label twice")
        return labels

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first that knows a value gives it."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, of_platform())

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_batch_size > self.max_queue_size:
            raise ValueError("max_batch_size is greater than max_queue_size: no batch could ever be full")
        if self.admin_keys and self.workers > 1:
            raise ValueError("admin_keys need workers 1: a client's request to load reaches one worker alone")
        return self


def split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in text.split(","))))


def of_platform() -> dict[str, Any]:
    found = {name: [os.environ[each] for each in names if os.environ.get(each)] for name, names in OF_PLATFORMS.items()}
    return {name: values[0] for name, values in found.items() if values}


def read_label(text: str) -> VersionLabel:
    if match := re.fullmatch(r"([^/:=]+)/([^/:=]+)=([0-9]{1,9})", text):
        return VersionLabel(match[1], match[2], int(match[3]))
    raise ValueError(f"{text!r} is not written as model/label=version")
