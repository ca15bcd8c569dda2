"""Each peer has a virtual environment of its own: their wishes for versions do not agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.peer import CACHE, PEERS, Loop, NoComparison, Peer

VERSIONS = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


def python_of(peer: Peer | Loop) -> Path:
    """The interpreter of its environment, which is made on first use and anew when its requirements change."""
    if not peer.folder:
        return Path(sys.executable)
    wanted = PEERS / peer.folder / "requirements.txt"
    home = CACHE / peer.folder
    stamp = home / "installed"
    digest = sha256(wanted.read_bytes()).hexdigest()
    python = home / "bin/python"
    if not stamp.exists() or stamp.read_text() != digest:
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([sys.executable, "-m", "venv", "--clear", home])
        run([*pip, "-r", wanted])
        stamp.write_text(digest)
    return python


def run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoComparison(f"its environment cannot be made: {done.stderr.strip().splitlines()[-1]}")


def versions_of(peer: Peer | Loop, python: Path) -> dict[str, str]:
    command: list[str | Path] = [python, "-c", VERSIONS, *peer.packages]
    found: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found
