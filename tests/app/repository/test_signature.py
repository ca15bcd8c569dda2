"""If signatures are required, only versions signed by the owner of the key are served."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.__main__ import main
from app.errors import StartupError
from app.inference.batcher import BatchSettings
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from app.repository.repository import ModelRepository
from app.repository.signature import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    SIGNATURE_FILE,
    SignatureRefused,
    Signer,
    pre_authentication_encoding,
)
from app.repository.version_policy import VersionSettings
from tests.conftest import ROOT
from tests.support.constant_model import graph_of, write_version
from tests.support.model_versions import add_int8

FILES = {"a": b"first", "b": b"second"}
KEY = ec.generate_private_key(ec.SECP256R1())


def statement(files: dict[str, bytes] = FILES, **changes: Any) -> dict[str, Any]:
    resources = [
        {"name": name, "algorithm": "sha256", "digest": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    return {"predicateType": PREDICATE_TYPE, "predicate": {"resources": resources}} | changes


def signed(payload: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    signature = key.sign(pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    return {
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE.decode(),
            "signatures": [{"sig": base64.b64encode(signature).decode()}],
        }
    }


def bundle(files: dict[str, bytes] = FILES, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return json.dumps(signed(json.dumps(statement(files)).encode(), key)).encode()


def refusal(content: bytes, files: dict[str, bytes] = FILES) -> str:
    with pytest.raises(SignatureRefused) as refused:
        Signer(KEY.public_key()).check(content, files)
    return str(refused.value)


def test_all_or_some_of_the_signed_files_are_accepted() -> None:
    signer = Signer(KEY.public_key())
    signer.check(bundle(), FILES)
    signer.check(bundle(), {"b": b"second"})


def test_another_file_other_bytes_and_another_key_are_refused() -> None:
    assert refusal(bundle(), FILES | {"b": b"Second"}) == "was made for another b"
    assert refusal(bundle(), FILES | {"c": b"third"}) == "does not cover c"
    other = ec.generate_private_key(ec.SECP256R1())
    assert refusal(bundle(key=other)) == "was not made with the required key"


def test_one_bit_of_the_payload_or_of_its_type_breaks_the_signature() -> None:
    document = json.loads(bundle())
    payload = bytearray(base64.b64decode(document["dsseEnvelope"]["payload"]))
    payload[-10] ^= 1
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    assert "not made with the required key" in refusal(json.dumps(document).encode())
    untyped = json.dumps(statement()).encode()
    document["dsseEnvelope"]["payload"] = base64.b64encode(untyped).decode()
    bare = KEY.sign(untyped, ec.ECDSA(hashes.SHA256()))
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(bare).decode()
    assert "not made with the required key" in refusal(json.dumps(document).encode())


def without(*path: str) -> bytes:
    document = json.loads(bundle())
    part = document
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return json.dumps(document).encode()


MALFORMED_SIGNATURES = [
    *(b"", b"{", b"[]", b"1", b"null", b"\xff", b'{"dsseEnvelope": 1}'),
    *(without("dsseEnvelope", member) for member in ("payload", "signatures")),
    bundle().replace(b'"sig": "', b'"sig": "!'),
]


@pytest.mark.parametrize("content", MALFORMED_SIGNATURES)
def test_malformed_signature_is_refused(content: bytes) -> None:
    assert refusal(content) == "is not a model signature"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"predicateType": "%b", "predicate": {"resources": [1]}}' % PREDICATE_TYPE.encode()],
)
def test_signature_of_something_else_is_refused(payload: bytes) -> None:
    assert refusal(json.dumps(signed(payload)).encode()) == "holds no statement about a model"


def test_statement_of_another_kind_covers_no_file() -> None:
    payload = json.dumps(statement(predicateType="https://slsa.dev/provenance/v1")).encode()
    assert refusal(json.dumps(signed(payload)).encode()) == "does not cover a"


def test_digest_of_another_algorithm_is_ignored() -> None:
    payload = json.dumps(statement()).replace("sha256", "blake2").encode()
    assert refusal(json.dumps(signed(payload)).encode()) == "does not cover a"


# --- keys ------------------------------------------------------------------------------------------------------------


def write_public_key(path: Path, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = KEY) -> Path:
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_unusable_key_stops_the_start(tmp_path: Path) -> None:
    assert Signer.read(write_public_key(tmp_path / "key")).key == KEY.public_key()
    with pytest.raises(StartupError, match="cannot be read: No such file"):
        Signer.read(tmp_path / "nowhere")
    with pytest.raises(StartupError, match="P-256"):
        Signer.read(write_public_key(tmp_path / "key", ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(StartupError, match="P-256"):
        Signer.read(write_public_key(tmp_path / "key", ec.generate_private_key(ec.SECP256K1())))
    (tmp_path / "key").write_text("hello")
    with pytest.raises(StartupError, match="not a public key in PEM"):
        Signer.read(tmp_path / "key")


def test_library_is_not_imported_unless_signatures_are_required() -> None:
    code = "import app.main, sys; assert 'cryptography' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- in the repository -----------------------------------------------------------------------------------------------


def sign(folder: Path, key: ec.EllipticCurvePrivateKey = KEY) -> None:
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != SIGNATURE_FILE}
    (folder / SIGNATURE_FILE).write_bytes(bundle(files, key))


def remove_signature(folder: Path) -> None:
    (folder / SIGNATURE_FILE).unlink()


def sign_with_another_key(folder: Path) -> None:
    sign(folder, ec.generate_private_key(ec.SECP256R1()))


def replace_files(folder: Path) -> None:
    """Graph and manifest match each other, but are not the signed ones."""
    changed = write_version(folder.parent / "made/m", int(folder.name), graph_of(9))
    for file in (GRAPH_FILE, MANIFEST_FILE):
        (changed / file).rename(folder / file)


def add_unsigned_int8(folder: Path) -> None:
    """The signed manifest describes the int8 graph, but the signature does not cover its file."""
    add_int8(folder, graph_of(8))
    files = {file: (folder / file).read_bytes() for file in (GRAPH_FILE, MANIFEST_FILE)}
    (folder / SIGNATURE_FILE).write_bytes(bundle(files))


def copy_older_version(folder: Path) -> None:
    """An older version with a valid signature, under a new number."""
    for file in (GRAPH_FILE, MANIFEST_FILE, SIGNATURE_FILE):
        (folder / file).write_bytes((folder.parent / "1" / file).read_bytes())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove_signature, "m/2: model.sig cannot be read (No such file or directory)"),
        (sign_with_another_key, "m/2: model.sig was not made with the required key"),
        (replace_files, "m/2: model.sig was made for another manifest.json"),
        (add_unsigned_int8, "m/2: model.sig does not cover model.int8.onnx"),
        (copy_older_version, "m/2: its manifest says it is m/1"),
    ],
)
def test_version_without_a_valid_signature_is_refused_until_it_has_one(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    async def scenario() -> None:
        versions = VersionSettings(signer=write_public_key(tmp_path / "key"))
        async with ModelRepository(tmp_path / "models", "cpu", BatchSettings(8, 64), "m", versions) as models:
            folder = write_version(tmp_path / "models/m", 2)
            sign(folder)
            spoil(folder)
            await models.reload()
            assert models.get().manifest.version == 1
            assert models.refusals["m"]["2"].reason == words
            if spoil is copy_older_version:
                return
            sign(folder)
            await models.reload()
            assert models.get().manifest.version == 2

    sign(write_version(tmp_path / "models/m", 1))
    asyncio.run(scenario())


def test_predicting_files_without_a_server_requires_the_signature_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_version(tmp_path / "models/m", 3)
    key = write_public_key(tmp_path / "key")
    picture = str(ROOT / "app/web/static/seven.png")
    command = ["predict", "--models", str(tmp_path / "models"), "--model", "m", "--format", "csv", picture]
    assert main([*command, "--require-signature-by", str(key)]) == 1
    assert capsys.readouterr().err == "error: m/3: model.sig cannot be read (No such file or directory)\n"
    sign(folder)
    assert main([*command, "--require-signature-by", str(key)]) == 0
    assert ",3," in capsys.readouterr().out
