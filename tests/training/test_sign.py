"""Versions are signed by OpenSSF's library, and the service accepts these signatures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.errors import ModelRefused
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, read_version
from app.repository.signature import SIGNATURE_FILE, Signer
from tests.conftest import ROOT
from training.__main__ import main
from training.errors import SigningError
from training.sign import sign

Curve = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1


def write_keys(
    folder: Path,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None,
    protection: KeySerializationEncryption | None = None,
) -> Path:
    """Writes key.pem and key.pub. Returns the path of the private key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption())
    (folder / "key.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pub").write_bytes(public)
    return folder / "key.pem"


@pytest.fixture
def version(models: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "models/digits-mlp/1"
    shutil.copytree(models / "digits-mlp/1", folder)
    return folder


def openssf_verifies(version: Path, public_key: Path) -> bool:
    """By the library's own command, which checks every file."""
    command = [sys.executable, "-m", "model_signing", "verify", "key", "--public_key", str(public_key)]
    command += ["--signature", str(version / SIGNATURE_FILE), str(version)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_signed_version_is_accepted_by_the_service_and_by_openssf(version: Path, tmp_path: Path, curve: Curve) -> None:
    key = write_keys(tmp_path, ec.generate_private_key(curve))
    assert sign(version, key) == version / SIGNATURE_FILE
    assert read_version(version, Signer.read(tmp_path / "key.pub"))[0].name == "digits-mlp"
    assert openssf_verifies(version, tmp_path / "key.pub")


def test_card_is_signed_too(version: Path, tmp_path: Path) -> None:
    sign(version, write_keys(tmp_path))
    (version / "card.md").write_text("It reads everything.")
    assert not openssf_verifies(version, tmp_path / "key.pub")


def test_version_may_be_signed_again(version: Path, tmp_path: Path) -> None:
    sign(version, write_keys(tmp_path))
    first = (tmp_path / "key.pub").rename(tmp_path / "first.pub")
    sign(version, write_keys(tmp_path))
    read_version(version, Signer.read(tmp_path / "key.pub"))
    assert openssf_verifies(version, tmp_path / "key.pub")
    with pytest.raises(ModelRefused, match="not made with the required key"):
        read_version(version, Signer.read(first))


def test_version_that_every_service_would_refuse_is_not_signed(version: Path, tmp_path: Path) -> None:
    (version / GRAPH_FILE).write_bytes(b"damaged")
    with pytest.raises(SigningError, match=r"model\.onnx has 7 bytes"):
        sign(version, write_keys(tmp_path))
    assert not (version / SIGNATURE_FILE).exists()


def test_unusable_key_is_named_in_the_error(version: Path, tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="No such file"):
        sign(version, tmp_path / "nowhere.pem")
    with pytest.raises(SigningError, match="is not a usable private key"):
        sign(version, version / MANIFEST_FILE)
    secret = write_keys(tmp_path, protection=BestAvailableEncryption(b"secret"))
    with pytest.raises(SigningError, match="Password was not given"):
        sign(version, secret)
    with pytest.raises(SigningError, match="is not a usable private key"):
        sign(version, write_keys(tmp_path, ec.generate_private_key(ec.SECP256K1())))
    with pytest.raises(SigningError, match="is not a usable private key"):
        sign(version, write_keys(tmp_path, ed25519.Ed25519PrivateKey.generate()))


def test_command_signs_or_prints_one_line_with_the_reason(
    version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = write_keys(tmp_path)
    assert main(["sign", str(version), "--private-key", str(key)]) == 0
    assert capsys.readouterr().out == f"signed: {version / SIGNATURE_FILE}\n"
    assert main(["sign", str(version.parent), "--private-key", str(key)]) == 1
    assert capsys.readouterr().err.startswith("error: models/digits-mlp: ")


def test_signing_loads_no_tensorflow(version: Path, tmp_path: Path) -> None:
    """A machine that signs need not be able to train."""
    key = write_keys(tmp_path)
    code = (
        "import sys; from training.__main__ import main; "
        f"assert main(['sign', {str(version)!r}, '--private-key', {str(key)!r}]) == 0; "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
