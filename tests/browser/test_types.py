"""Types for TypeScript: those of digits.js, and those that a generator makes of the OpenAPI document."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page

REPOSITORY = Path(__file__).parents[2]
STATIC = REPOSITORY / "app/web/static"
PINS = Path(__file__).parent / "openapi"
CACHE = REPOSITORY / ".cache/npm"

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


RIGHT_BY_CONTRACT = """
import type { components, operations } from "./api";

type Answer<Name extends keyof operations> = operations[Name] extends
  { responses: { 200: { content: { "application/json": infer Content } } } } ? Content : never;

export async function predict(picture: Blob): Promise<components["schemas"]["Prediction"] | undefined> {
  const query: operations["predict"]["parameters"]["query"] = { model: "digits", version: 3, return_image: true };
  const response = await fetch(`/predict?${new URLSearchParams(query as Record<string, string>)}`, { body: picture });
  if (!response.ok) throw new Error(((await response.json()) as components["schemas"]["Problem"]).detail);
  const answer: Answer<"predict"> = await response.json();
  return answer.predictions[0];
}

export const infer: operations["v2_infer"]["requestBody"]["content"]["application/json"] = {
  inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: ["iVBORw0KGgo="] }],
};
export const digitOf = ({ explanation }: Answer<"explain">): number => explanation.digit;
export const firstLine = ({ lines }: Answer<"read">): string | undefined => lines[0];
export const row = ({ predictions }: Answer<"v1_explain">): number[] | undefined => predictions[0];
"""
WRONG_BY_CONTRACT = [
    'export const query: operations["predict"]["parameters"]["query"] = { version: "newest" };',
    'export const digitOf = (answer: components["schemas"]["Predictions"]): number => answer.predictions.digit;',
    'export const infer: components["schemas"]["InferRequest"] = { inputs: "seven.png" };',
    'export type Missing = operations["forget"];',
]


@pytest.fixture(scope="module")
def tools() -> Path:
    """The packages that PINS names, installed once for each version of it."""
    digest = hashlib.sha256((PINS / "package-lock.json").read_bytes()).hexdigest()
    home = CACHE / digest[:16]
    if not home.exists():
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)  # of an installation that was interrupted
        shutil.copytree(PINS, part)
        command = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=part, check=True)
        part.rename(home)
    return home / "node_modules"


@pytest.fixture(scope="module")
def project(tools: Path, service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client's types and those of the running service's OpenAPI document."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "node_modules").symlink_to(tools)
    (folder / "digits.d.ts").write_text((STATIC / "digits.d.ts").read_text())
    with urllib.request.urlopen(service + "openapi.json") as document:
        (folder / "openapi.json").write_bytes(document.read())
    generator = tools / "openapi-typescript/bin/cli.js"
    subprocess.run(["node", generator, "openapi.json", "-o", "api.d.ts"], cwd=folder, check=True, capture_output=True)
    return folder


def compile_(project: Path, source: str) -> str:
    """What the compiler complains of."""
    (project / "use.ts").write_text(source)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext"]
    command = ["node", "node_modules/typescript/lib/tsc.js", *options, "--moduleResolution", "bundler", "use.ts"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def test_the_clients_types_take_what_it_takes(project: Path) -> None:
    assert compile_(project, RIGHT) == ""


def test_the_clients_types_refuse_what_it_does_not_take(project: Path) -> None:
    lines = [f"export const wrong{i} = (file: File) => {each};" for i, each in enumerate(WRONG)]
    source = 'import { explain, predict, read, ready } from "./digits.js";\n' + "\n".join(lines)
    assert refused(compile_(project, source)) == list(range(len(WRONG)))


def refused(complaints: str) -> list[int]:
    """The lines, from 0, after a first one that imports."""
    return [int(line) - 2 for line in re.findall(r"use.ts\((\d+),", complaints)]


def test_the_client_has_what_its_types_promise(page: Page) -> None:
    names = page.evaluate("import('/static/digits.js').then((module) => Object.keys(module))")
    declared = re.findall(r"^export (?:function|class) (\w+)", (STATIC / "digits.d.ts").read_text(), re.MULTILINE)
    assert sorted(names) == sorted(declared)


def test_types_of_the_openapi_document_take_what_the_service_takes(project: Path) -> None:
    assert compile_(project, RIGHT_BY_CONTRACT) == ""


def test_types_of_the_openapi_document_refuse_what_it_does_not_take(project: Path) -> None:
    source = 'import type { components, operations } from "./api";\n' + "\n".join(WRONG_BY_CONTRACT)
    assert refused(compile_(project, source)) == list(range(len(WRONG_BY_CONTRACT)))
