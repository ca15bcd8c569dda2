"""digits.d.ts: TypeScript takes what the client takes, and the client has what it promises."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import Page

from training.packages import Package, verified

TYPESCRIPT = Package("typescript", "5.9.3", "10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3")
STATIC = Path(__file__).parents[2] / "app/static"

RIGHT = """
import { explain, health, predict, Problem, read, ready } from "./digits.js";

export async function all(file: File, canvas: HTMLCanvasElement, pixels: ImageData): Promise<string> {
  const { predictions, model } = await predict([file, canvas, pixels], { returnImage: true, retries: 1 });
  const seen: string | undefined = predictions[0]?.image;
  const { text, digits } = await read(file, { timeoutMs: 1000, signal: new AbortController().signal });
  const [left, top]: number[] = digits[0]?.box ?? [];
  const { explanation } = await explain(canvas, { digit: 7, service: "https://digits.example/" });
  const shares: number[][] = explanation.attributions;
  const open: boolean = await ready();
  const { device } = await health();
  return [model.name, seen, text, left, top, shares.length, open, device].join();
}

export function say(error: unknown): string {
  return error instanceof Problem ? `${error.status} ${error.type} ${error.retryAfter ?? 0}` : "?";
}
"""
WRONG = [
    'predict("seven.png")',
    "predict(file, { digit: 7 })",
    "predict(file).then(({ predictions }) => predictions.digit)",
    "explain([file])",
    'explain(file, { digit: "7" })',
    "read(file, { returnImage: true })",
    "ready().then((open) => open.status)",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with TypeScript and the client's types."""
    folder = tmp_path_factory.mktemp("project")
    with tarfile.open(fileobj=io.BytesIO(verified(TYPESCRIPT)), mode="r:gz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "digits.d.ts").write_text((STATIC / "digits.d.ts").read_text())
    return folder


def compile_(project: Path, source: str) -> str:
    """What the compiler complains of."""
    (project / "use.ts").write_text(source)
    command = [
        "node",
        "package/lib/tsc.js",
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "esnext",
        "use.ts",
    ]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def test_the_clients_types_take_what_it_takes(project: Path) -> None:
    assert compile_(project, RIGHT) == ""


def test_the_clients_types_refuse_what_it_does_not_take(project: Path) -> None:
    lines = [f"export const wrong{i} = (file: File) => {each};" for i, each in enumerate(WRONG)]
    source = 'import { explain, predict, read, ready } from "./digits.js";\n' + "\n".join(lines)
    refused = re.findall(r"use.ts\((\d+),", compile_(project, source))
    assert [int(line) - 2 for line in refused] == list(range(len(WRONG)))


def test_the_client_has_what_its_types_promise(page: Page) -> None:
    names = page.evaluate("import('/static/digits.js').then((module) => Object.keys(module))")
    declared = re.findall(r"^export (?:function|class) (\w+)", (STATIC / "digits.d.ts").read_text(), re.MULTILINE)
    assert sorted(names) == sorted(declared)
