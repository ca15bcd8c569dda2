"""A service that real clients reach directly, and through the example of nginx with TLS and a prefix."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.api_keys import digest_of
from tests.support.nginx import nginx_before
from tests.support.service import Service, serving


@dataclass
class Way:
    """How clients reach the service."""

    address: str
    certificate: Path | None = None
    trust_store: Path | None = None  # of Java
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu") as service:
        yield service


@pytest.fixture(scope="module")
def keyed() -> Iterator[Service]:
    """Needs an API key."""
    with serving("--device", "cpu", "--api-keys", digest_of("key")) as service:
        yield service


@pytest.fixture(
    scope="module", params=["directly", pytest.param("through nginx, TLS and a prefix", marks=pytest.mark.slow)]
)
def way(request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    if request.param == "directly":
        yield Way(service.address)
        return
    folder = tmp_path_factory.mktemp("nginx")
    with nginx_before(f"127.0.0.1:{service.port}", folder) as nginx:
        yield Way(
            nginx.address,
            nginx.certificate,
            make_trust_store(nginx.certificate),
            {"NODE_EXTRA_CA_CERTS": str(nginx.certificate), "SSL_CERT_FILE": str(nginx.certificate)},
        )


def make_trust_store(certificate: Path) -> Path | None:
    store = certificate.with_name("trust.p12")
    options = ("-importcert", "-noprompt", "-file", certificate, "-keystore", store, "-storepass", "password")
    if keytool := shutil.which("keytool"):
        subprocess.run([keytool, *options], check=True, capture_output=True)
    return store if keytool else None


@dataclass
class Files:
    picture: Path  # of a seven
    large: Path  # more than a body may have


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    large = tmp_path_factory.mktemp("files") / "large"
    large.write_bytes(bytes(20 * 2**20))
    return Files(ROOT / "app/web/static/seven.png", large)
