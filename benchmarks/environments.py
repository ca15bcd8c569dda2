"""A virtual environment for each peer: the versions they require exclude each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.peer import CACHE_FOLDER, PEERS_FOLDER, InferenceLoop, NotComparable, Peer

PRINT_VERSIONS = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


def install(peer: Peer | InferenceLoop) -> Path:
    """Returns the peer's Python interpreter; makes its environment on first use and when its requirements change.

    Raises `NotComparable` if that fails.
    """
    if not peer.folder:
        return Path(sys.executable)
    requirements = PEERS_FOLDER / peer.folder / "requirements.txt"
    folder = CACHE_FOLDER / peer.folder
    stamp = folder / "installed"
    digest = sha256(requirements.read_bytes()).hexdigest()
    python = folder / "bin/python"
    if not stamp.exists() or stamp.read_text() != digest:
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([*pip, "-r", requirements])
        stamp.write_text(digest)
    return python


def run(command: Sequence[str | Path]) -> None:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        reason = completed.stderr.strip().splitlines()[-1]
        raise NotComparable(f"its virtual environment cannot be made: {reason}")


def package_versions(peer: Peer | InferenceLoop) -> dict[str, str]:
    """The installed version of each of `peer.packages`; installs them first where they are missing."""
    command: list[str | Path] = [install(peer), "-c", PRINT_VERSIONS, *peer.packages]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(completed.stdout)
    return versions
