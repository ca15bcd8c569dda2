"""A new project of npm's in which the client's package is installed, and the tools that build it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PACKAGE = ROOT / "clients/js"
NODE_MODULES = ROOT / ".cache/javascript/node_modules"
TOOLS = {"tsc": "typescript/bin/tsc", "vite": "vite/bin/vite.js", "esbuild": "esbuild/bin/esbuild"}
TIMEOUT_S = 120


def make_project(folder: Path) -> Path:
    """Packs the package and installs it, without a network."""
    tarball = pack(folder)
    project = folder / "project"
    project.mkdir()
    (project / "package.json").write_text(json.dumps({"name": "project", "private": True, "type": "module"}))
    npm("install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=project)
    shutil.copy(ROOT / "app/web/static/seven.png", project)
    return project


def pack(folder: Path) -> Path:
    """In a copy of the repository's layout, since npm's scripts copy files into the package's folder meanwhile."""
    repository = folder / "repository"
    package = shutil.copytree(PACKAGE, repository / "clients/js")
    shutil.copy(ROOT / "LICENSE", repository)
    (repository / "app").symlink_to(ROOT / "app")
    (name,) = json.loads(npm("pack", "--json", "--pack-destination", str(folder), cwd=package))
    return folder / str(name["filename"])


def npm(*arguments: str, cwd: Path) -> str:
    return run("npm", *arguments, cwd=cwd)


def build(tool: str, *arguments: str, cwd: Path) -> str:
    """Runs one of `TOOLS`."""
    assert NODE_MODULES.exists(), "the tools are not installed: make .cache/javascript/stamp"
    return run("node", str(NODE_MODULES / TOOLS[tool]), *arguments, cwd=cwd)


WEBPACK = """
const [compiler, entry, target, folder] = process.argv.slice(1);
const { default: webpack } = await import(compiler);
const { dirname, resolve } = await import("node:path");
const output = { path: resolve(folder), filename: target === "web" ? "main.js" : "main.cjs" };
webpack({ mode: "production", context: process.cwd(), entry, target, output }, (error, stats) => {
  if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
  console.error(error ?? stats.toString());
  process.exitCode = 1;
});
"""


def build_with_webpack(entry: str, target: str, folder: str, *, cwd: Path) -> None:
    """As Next.js builds a module, for the browser (`web`) and for the server (`node`). Warnings are errors."""
    compiler = NODE_MODULES / "webpack/lib/index.js"
    run("node", "--input-type=module", "--eval", WEBPACK, "--", str(compiler), entry, target, folder, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """What it prints. It must succeed."""
    environment = os.environ | {"NO_UPDATE_NOTIFIER": "1", "npm_config_update_notifier": "false"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    assert done.returncode == 0, f"{command[0]} failed"
    return done.stdout
