"""Every option of the service: its text, unit and default. An option of the command line beats its variable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.model import DeviceChoice


class Settings(BaseSettings):
    """Read once, at the start, from DIGITS_<NAME>; handed on as plain values."""

    model_config = SettingsConfigDict(env_prefix="DIGITS_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    device: DeviceChoice = Field(
        "auto", description="cuda: a GPU or no start; cpu; auto: a GPU where there is one, said in the log."
    )
    models: Path = Field(Path("models"), description="Folder of models/<name>/<version>/.")
    default_model: str = Field("digits", description="The model that answers when a request names none.")
    model_control: bool = Field(False, description="Whether clients may load and unload models (V2 repository routes).")
    max_batch_size: int = Field(64, ge=1, description="Images in one run of a model.")
    max_batch_delay_ms: float = Field(
        0, ge=0, description="How long the first image of a batch may wait for company, in milliseconds."
    )
    max_queue_size: int = Field(1024, ge=1, description="Images waiting for one model; beyond it: 503.")
    timeout_ms: float = Field(
        10_000, gt=0, description="How long a request may wait for its answer, in milliseconds; beyond it: 504."
    )
    max_pictures: int = Field(256, ge=1, description="Pictures in one request; beyond it: 413.")
    max_pixels: int = Field(50_000_000, ge=784, description="Pixels of one picture; beyond it: 413 before decoding.")
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="Bytes of one request's body; beyond it: 413.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins, with commas between, whose pages may call the service; * for all."
    )
    drain_seconds: float = Field(
        5, ge=0, description="Seconds between SIGTERM (not ready any more) and the last new connection."
    )
    shutdown_seconds: int = Field(20, ge=1, description="Seconds that requests under way have to end after that.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, (each.strip() for each in value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_batch_size > self.max_queue_size:
            raise ValueError("max_batch_size is greater than max_queue_size: no batch could ever be full")
        return self
