"""The values of settings that are more than a number or a text: digests of keys, origins, paths, labels of versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

DEFAULT_PORTS = {"http": 80, "https": 443}
DAY_SECONDS = 86_400  # the longest time that a setting may ask for

Route = Annotated[str, Field(pattern="^(/[^{}?#]*)?$")]
RootPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*/?$"), AfterValidator(lambda path: path.rstrip("/"))]


T = TypeVar("T")


def from_text(parse: Callable[[str], Any]) -> BeforeValidator:
    """Parses a value that comes as text, as from the environment."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def without_exponent(text: str) -> str:
    """1.6777216e+07 -> 16777216. Anything else as it is."""
    number = float(text) if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d{1,2}", text) else 0.5
    return str(int(number)) if number.is_integer() else text


WholeNumber = Annotated[int, from_text(without_exponent)]  # Helm writes a large one with an exponent
InAnyCase = Annotated[T, from_text(str.lower)]


def expand_home(path: Path) -> Path:
    """~ is the home folder: a shell replaces it, but not in env files and after the = of an option."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder {path.parts[0]}") from error


HomePath = Annotated[Path, AfterValidator(expand_home)]
OptionalPath = Annotated[HomePath | None, from_text(lambda text: text or None)]  # "" would be the working directory


def split_at_commas(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (item.strip() for item in text.split(","))))


# --- API keys ---------------------------------------------------------------------------------------------------------


def check_digest(text: str) -> str:
    """The error does not repeat the text, which may be a key that was given by mistake."""
    if not re.fullmatch("[0-9A-Fa-f]{64}", text):
        raise ValueError("not the SHA-256 digest of a key, 64 hexadecimal digits: `python -m app key` makes both")
    return text.lower()


Digest = Annotated[str, AfterValidator(check_digest)]


def split_digests(text: str) -> tuple[str, ...]:
    """Separated by commas or line breaks, with comments from # to the end of a line."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    digests = split_at_commas(",".join(lines))
    if not digests:
        raise ValueError("holds no key, and without one everyone may call: if that is intended, leave the setting out")
    return digests


Digests = Annotated[tuple[Digest, ...], from_text(split_digests)]


def refuse_blank(text: str) -> str:
    if not text:
        raise ValueError("is blank: without a key everyone may call")
    return text


KeyFile = Annotated[HomePath, from_text(refuse_blank)]


def read_digests(path: Path, variable: str) -> tuple[str, ...]:
    """Raises `ValueError` that names the variable if the file cannot be read or holds no key."""
    try:
        return split_digests(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{variable}: the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{variable}: the file is not text") from error
    except ValueError as error:
        raise ValueError(f"{variable}: the file {error}") from error


# --- origins (RFC 6454) -----------------------------------------------------------------------------------------------


def check_origin(text: str) -> str:
    """An origin exactly as browsers send it, or * for all."""
    if text == "*":
        return text
    right = browser_origin(text)
    if not right:
        raise ValueError(f"{text!r} is not an origin such as https://app.example, and not * for all")
    if text != right:
        raise ValueError(f"{text!r} is not an origin as browsers send it: write {right}")
    return text


def browser_origin(text: str) -> str | None:
    """The origin of an address: scheme and host in lower case, and the port unless it is the scheme's own."""
    has_scheme = "://" in text
    if not has_scheme:
        local = text.lower().startswith(("localhost", "127.", "[::1]"))
        text = f"{'http' if local else 'https'}://{text}"
    try:
        address = urlsplit(text)
        host, port = ascii_host(address.hostname or ""), address.port
    except ValueError:
        return None
    if not re.fullmatch(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", host) or (not has_scheme and host == "null"):
        return None
    return f"{address.scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS.get(address.scheme)) else "")


def ascii_host(host: str) -> str:
    """As browsers write a host: international names in Punycode, IPv6 addresses in brackets."""
    if ":" in host:
        return f"[{host}]"
    return host if host.isascii() else host.encode("idna").decode()


CorsOrigin = Annotated[str, AfterValidator(check_origin)]
CorsOrigins = Annotated[tuple[CorsOrigin, ...], from_text(split_at_commas)]


# --- versions of models -----------------------------------------------------------------------------------------------

# A version of a model: a positive 64-bit integer without leading zeros, as people count (7) or as timestamps
# (1767225600). Triton has the same rule; TensorFlow Serving would take 007 for 7.
VERSION = "[1-9][0-9]{0,18}"
MAX_VERSION = 2**63 - 1


def parse_version(text: str) -> int | None:
    """None if the text is not a version."""
    return int(text) if re.fullmatch(VERSION, text) and int(text) <= MAX_VERSION else None


def check_model_name(name: str) -> str:
    """It stands in addresses, where / and : separate it from what follows. Raises `ValueError`."""
    if not name.isprintable() or not re.fullmatch(r"[^/:]+", name) or name in (".", ".."):
        raise ValueError("no address can have this name: it must not be empty, . or .., nor have a / or :")
    return name


ModelName = Annotated[str, AfterValidator(check_model_name)]


class VersionLabel(NamedTuple):
    model: str
    label: str
    version: int


def parse_label(text: str) -> VersionLabel:
    match = re.fullmatch(r"([^/:=]+)/([^/:=]+)=(.*)", text)
    version = parse_version(match[3]) if match else None
    if not match or version is None:
        raise ValueError(f"{text!r} is not of the form model/label=version")
    return VersionLabel(match[1], check_label(match[2]), version)


def check_label(label: str) -> str:
    """A label stands in addresses where a version may stand too. Raises `ValueError`."""
    if not re.fullmatch(r"[^/:=\s]+", label):
        raise ValueError(f"the label {label!r} is empty or has a character of / : = or a space")
    if label.isdigit():
        raise ValueError(f"the label {label!r} is a number, which could not be told from a version")
    return label


def parse_labels(text: str) -> tuple[VersionLabel, ...]:
    return tuple(parse_label(item) for item in split_at_commas(text))


def check_unique(labels: tuple[VersionLabel, ...]) -> tuple[VersionLabel, ...]:
    if len({(label.model, label.label) for label in labels}) < len(labels):
        raise ValueError("a model has the same label twice")
    return labels


VersionLabels = Annotated[tuple[VersionLabel, ...], from_text(parse_labels), AfterValidator(check_unique)]
