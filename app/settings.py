"""All settings of the service, with their units and defaults. An option of the command line overrides its variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from app.environment import read_variables, variable_of
from app.runtime import memory_limit
from app.setting_values import (
    DAY_SECONDS,
    VERSION,
    CorsOrigins,
    Digests,
    HomePath,
    InAnyCase,
    KeyFile,
    ModelName,
    OptionalPath,
    RootPath,
    Route,
    VersionLabels,
    WholeNumber,
    expand_home,
    read_digests,
)

DeviceChoice = Literal["auto", "cuda", "tensorrt", "cpu"]
PrecisionChoice = Literal["auto", "float32", "int8"]
LogFormat = Literal["text", "json"]

SECRETS = frozenset({"api_keys", "admin_keys"})  # never repeated in a message
DEFAULT_INFLIGHT_BYTES = 96 * 2**20
LARGEST_BODIES = (
    2.5  # of the maximum size fit at least: one that was compressed counts twice, and small ones have a part
)


class ReadingSettings(BaseSettings):
    """What reading pictures takes, with a server or without one.

    Read once, at the start, from DIGITS_<NAME>, and passed on as plain values.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    device: InAnyCase[DeviceChoice] = Field(
        "auto",
        description="cuda, tensorrt: a GPU, or the service does not start; cpu; auto: CUDA if available, else the CPU.",
    )
    precision: InAnyCase[PrecisionChoice] = Field(
        "auto",
        description="Precision of the graphs that run. float32; int8: on the CPU, versions without an int8 graph are "
        "refused; auto: on the CPU the faster one, measured when it is loaded, on a GPU float32.",
    )
    models: HomePath = Field(
        Path("models"),
        description="Folder of the models, with a folder NAME/VERSION for each version; or the folder of the default "
        "model alone, with its versions or the files of one.",
    )
    default_model: ModelName = Field(
        "digits", description="Model for requests that name none. If not set: MODEL_NAME, of TensorFlow Serving."
    )
    require_signature_by: HomePath | None = Field(
        None, description="Public key (PEM, elliptic curve). Versions that its owner has not signed are refused."
    )
    max_batch_size: WholeNumber = Field(64, ge=1, description="Maximum images in one run of a model.")
    max_pictures: WholeNumber = Field(
        256, ge=1, description="Maximum pictures in one request, and digits on one page; beyond it: 413."
    )
    max_pixels: WholeNumber = Field(
        50_000_000, ge=784, description="Maximum pixels of one picture; beyond it: 413, before decoding."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """In order of precedence."""
        origins = read_variables(cls.model_fields, known=Settings.model_fields)
        variables = {name: origin.value for name, origin in origins.items()}
        return init_settings, InitSettingsSource(settings_cls, variables)

    @model_validator(mode="after")
    def _check_precision(self) -> Self:
        if self.precision == "int8" and self.device in ("cuda", "tensorrt"):
            raise ValueError("DIGITS_PRECISION and DIGITS_DEVICE exclude each other: int8 graphs run on the CPU")
        return self


class Settings(ReadingSettings):
    """All settings of the service."""

    max_pages: WholeNumber = Field(
        100, ge=1, description="Maximum pages of a PDF or TIFF document that one request reads; beyond it: 413."
    )
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 for all of IPv4, :: for all of IPv6 and IPv4.",
    )
    port: WholeNumber = Field(
        8000,
        ge=0,
        le=65535,
        description="Port to listen on. If not set: AIP_HTTP_PORT, SAGEMAKER_BIND_TO_PORT or PORT.",
    )
    uds: HomePath | None = Field(
        None, description="Path of a Unix socket to listen on instead of a port. Access to its folder is access to it."
    )
    metrics_port: WholeNumber | None = Field(
        None,
        ge=0,
        le=65535,
        description="Additional port for /metrics, /health/live and /health/ready, without API keys. The main port "
        "has them too.",
    )
    workers: WholeNumber = Field(1, ge=1, description="Server processes. Without a GPU, up to one for each core.")
    worker_timeout_seconds: WholeNumber = Field(
        10,
        ge=1,
        le=DAY_SECONDS,
        description="Seconds without a heartbeat after which one of several workers is replaced.",
    )
    version_policy: str = Field(
        "latest:1",
        pattern=f"^(all|latest:[1-9][0-9]{{0,8}}|specific:{VERSION}(,{VERSION})*)$",
        description="Versions of each model that are served: all, latest:2 (the two newest) or specific:1,3.",
    )
    model_poll_seconds: float = Field(
        2,
        ge=0,
        le=DAY_SECONDS,
        description="Seconds between scans for added, changed and deleted versions; 0: scan only at the start.",
    )
    load_timeout_seconds: float = Field(
        120,
        gt=0,
        le=DAY_SECONDS,
        description="Maximum seconds to read a version, and to load it and run it once; beyond it: it is refused.",
    )
    api_keys: Digests = Field(
        (), description="SHA-256 digests of the API keys, separated by commas. If not set, everyone may call."
    )
    api_keys_file: KeyFile | None = Field(
        None, description="File with the digests instead, separated by commas or line breaks; # begins a comment."
    )
    admin_keys: Digests = Field(
        (), description="SHA-256 digests of API keys that may also load and unload models. If not set, no key may."
    )
    admin_keys_file: KeyFile | None = Field(None, description="File with these digests instead, as for the API keys.")
    audit_log: OptionalPath = Field(
        None,
        description="File to which every administrative act is appended, and without which none is done: see "
        "python -m app verify-audit. If not set, there is none.",
    )
    max_batch_delay_ms: float = Field(
        0, ge=0, description="Milliseconds that the first image of a batch waits for others; 0: it does not wait."
    )
    max_queue_size: WholeNumber = Field(
        1024,
        ge=1,
        description="Maximum images waiting for one model, and of small requests as many again; beyond it: 503.",
    )
    max_queue_ms: float = Field(
        150, gt=0, description="Maximum milliseconds that an image would wait for its run; beyond it: 503."
    )
    timeout_ms: float = Field(
        10_000,
        gt=0,
        le=DAY_SECONDS * 1000,
        description="Maximum milliseconds from the first byte of a request to its response; beyond it: 408 while the "
        "request arrives, 504 after that.",
    )
    templates: OptionalPath = Field(
        None, description="Folder of templates of forms for /read, a file NAME.json each; read at the start."
    )
    corrections: OptionalPath = Field(
        None,
        description="Folder in which /corrections keeps pictures with their right digits; if not set, it keeps none.",
    )
    corrections_bytes: WholeNumber = Field(
        256 * 2**20, ge=2**16, description="Maximum bytes of all files in that folder; beyond it: 507."
    )
    corrections_open: bool = Field(False, description="Keep corrections of everyone where there are no API keys.")
    max_body_bytes: WholeNumber = Field(
        16 * 2**20, ge=1024, description="Maximum bytes of the body of a request; beyond it: 413."
    )
    max_inflight_bytes: WholeNumber | None = Field(
        None,
        ge=2**20,
        description="Maximum bytes of all bodies under way; beyond it: 503. If not set: an eighth of memory_bytes, "
        "at most 96 MiB.",
    )
    memory_bytes: WholeNumber | None = Field(
        None,
        ge=2**27,
        description="Memory that the service may take, all workers together: large pictures wait until enough of it is "
        "free. If not set: the limit of the control group (container), else the machine's memory.",
    )
    version_labels: VersionLabels = Field(
        (),
        description="Labels of versions, separated by commas: digits/stable=1. "
        "They override those in NAME/labels.json.",
    )
    health_route: Route = Field(
        "", description="Additional path for /ping. If not set: AIP_HEALTH_ROUTE, of Vertex AI."
    )
    predict_route: Route = Field(
        "", description="Additional path for /invocations. If not set: AIP_PREDICT_ROUTE, of Vertex AI."
    )
    root_path: RootPath = Field(
        "",
        description="Path under which a proxy serves the service, such as /ml/digits. The proxy may remove it or not.",
    )
    cors_origins: CorsOrigins = Field(
        (), description="Origins whose pages may call the service, separated by commas; * for all."
    )
    drain_seconds: float = Field(
        5,
        ge=0,
        le=DAY_SECONDS,
        description="Graceful shutdown: seconds from SIGTERM, when readiness turns to 503, to the last new connection.",
    )
    shutdown_seconds: WholeNumber = Field(
        20,
        ge=1,
        le=DAY_SECONDS,
        description="Graceful shutdown: seconds after that for requests in progress to finish. Then the process ends, "
        "whatever it still does.",
    )
    fast_path: bool = Field(
        True,
        description="Answer hot routes without FastAPI's layers; false: all requests pass them, which is slower.",
    )
    log_level: InAnyCase[Literal["debug", "info", "warning", "error"]] = Field(
        "info", description="Lowest level of the messages that are logged."
    )
    log_format: InAnyCase[LogFormat] = Field("text", description="text, or json: one object a line.")
    access_log: bool = Field(
        False, description="Log a line for each request: method, path, status, milliseconds, request id and trace id."
    )
    tracing: bool = Field(
        False,
        description="Send an OpenTelemetry span for each request to OTEL_EXPORTER_OTLP_ENDPOINT. Hot routes are "
        "slower.",
    )
    revision: str = Field("", description="Source revision that /metrics names. The images set it.")

    @model_validator(mode="before")
    @classmethod
    def _read_key_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            path = values.get(f"{name}_file")
            if path and values.get(name):
                raise ValueError(f"{variable_of(name)} and {variable_of(name)}_FILE are both set: remove one of them")
            if path:
                values = {**values, name: read_digests(expand_home(Path(path)), variable_of(f"{name}_file"))}
        return values

    @property
    def memory_bytes_per_worker(self) -> int:
        """The part of each process; without the setting, of what this container or machine has."""
        return (self.memory_bytes or memory_limit()[0]) // self.workers

    @property
    def inflight_bytes(self) -> int:
        """The bytes of all bodies under way in one process. A body of the maximum size always fits."""
        if self.max_inflight_bytes:
            return self.max_inflight_bytes // self.workers
        share = min(DEFAULT_INFLIGHT_BYTES // self.workers, self.memory_bytes_per_worker // 8)
        return max(int(LARGEST_BODIES * self.max_body_bytes), share)

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.max_batch_size > self.max_queue_size:
            raise ValueError("DIGITS_MAX_BATCH_SIZE is greater than DIGITS_MAX_QUEUE_SIZE: no batch could ever be full")
        if self.inflight_bytes < LARGEST_BODIES * self.max_body_bytes:
            raise ValueError(
                f"DIGITS_MAX_INFLIGHT_BYTES, shared by DIGITS_WORKERS, is less than {LARGEST_BODIES} times "
                "DIGITS_MAX_BODY_BYTES: a body of that size, compressed, would never fit"
            )
        if self.admin_keys and self.workers > 1:
            raise ValueError(
                "DIGITS_ADMIN_KEYS and DIGITS_WORKERS: a request to load a model would reach only one worker"
            )
        if self.corrections and not self.api_keys and not self.corrections_open:
            raise ValueError(
                "DIGITS_CORRECTIONS without DIGITS_API_KEYS: everyone could fill the folder: set keys, or "
                "DIGITS_CORRECTIONS_OPEN=true if that is intended"
            )
        if self.metrics_port and self.metrics_port == self.port and not self.uds:
            raise ValueError("DIGITS_METRICS_PORT and DIGITS_PORT are the same")
        return self
