"""TypeScript types: digits.d.ts, and those that openapi-typescript generates from the OpenAPI document."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.conftest import ROOT

STATIC = ROOT / "app/web/static"
NODE_MODULES = ROOT / ".cache/javascript/node_modules"

VALID_CLIENT_CODE = """
import { explain, health, predict, Problem, read, readDocument, ready } from "./digits.js";

export async function useAll(file: File, canvas: HTMLCanvasElement, pixels: ImageData): Promise<string> {
  const { predictions, model } = await predict([file, canvas, pixels], { returnImage: true, retries: 1 });
  const image: string | undefined = predictions[0]?.image;
  const { text, digits } = await read(file, { timeoutMs: 1000, signal: new AbortController().signal });
  const [left, top]: number[] = digits[0]?.box ?? [];
  const { readings, page } = await read(file, { alternatives: 5, values: ["31", "32"], check: "luhn" });
  const likeliest: string | undefined = readings[0]?.alternatives[0]?.text;
  const marks: string[] = readings[0]?.signs.filter(({ kind }) => kind === "slash").map((sign) => sign.text) ?? [];
  const { pages } = await readDocument(file, { pages: "1-2", alternatives: 2 });
  const firstPage: string | undefined = pages[0]?.text;
  const corners: [number, number][] | null = page.sheet;
  const { explanation } = await explain(canvas, { digit: 7, service: "https://digits.example/" });
  const attributions: number[][] = explanation.attributions;
  const isReady: boolean = await ready();
  const { device } = await health({ apiKey: "a key" });
  return [model.name, image, text, left, top, likeliest, marks, corners, firstPage,
          attributions.length, isReady, device].join();
}

export function describe(error: unknown): string {
  return error instanceof Problem ? `${error.status} ${error.type} ${error.retryAfter ?? 0}` : "?";
}
"""
INVALID_CLIENT_CALLS = [
    'predict("seven.png")',
    "predict(file, { digit: 7 })",
    "predict(file).then(({ predictions }) => predictions.digit)",
    "explain([file])",
    'explain(file, { digit: "7" })',
    "read(file, { returnImage: true })",
    'read(file, { alternatives: "5" })',
    'read(file).then(({ readings }) => readings[0].signs[0].kind === "dash")',
    "ready().then((isReady) => isReady.status)",
]


VALID_API_CODE = """
import type { components, operations } from "./api";

type Answer<Name extends keyof operations> = operations[Name] extends
  { responses: { 200: { content: { "application/json": infer Content } } } } ? Content : never;

export async function predict(picture: Blob): Promise<components["schemas"]["Prediction"] | undefined> {
  const query: operations["predict"]["parameters"]["query"] = { model: "digits", version: 3, return_image: true };
  const response = await fetch(`/predict?${new URLSearchParams(query as Record<string, string>)}`, { body: picture });
  if (!response.ok) throw new Error(((await response.json()) as components["schemas"]["Problem"]).detail);
  const answer: Answer<"predict"> = await response.json();
  const first = answer.predictions[0];
  return first && "digit" in first ? first : undefined;  // a problem stands there with on_error=each
}

export const infer: operations["v2_infer"]["requestBody"]["content"]["application/json"] = {
  inputs: [{ name: "image", shape: [1], datatype: "BYTES", data: ["iVBORw0KGgo="] }],
};
export const digitOf = ({ explanation }: Answer<"explain">): number => explanation.digit;
export const firstLine = (answer: Answer<"read">): string | undefined =>
  "pages" in answer ? answer.pages[0]?.lines[0] : answer.lines[0];
export const row = ({ predictions }: Answer<"v1_explain">): number[] | undefined => predictions[0];
"""
INVALID_API_CODE = [
    'export const query: operations["predict"]["parameters"]["query"] = { version: true };',
    'export const digitOf = (answer: components["schemas"]["Predictions"]): number => answer.predictions.digit;',
    'export const infer: components["schemas"]["InferRequest"] = { inputs: "seven.png" };',
    'export type Missing = operations["forget"];',
]


# The client's name of each schema.
NAMES = {
    **dict.fromkeys(("DocumentPage", "ExplainedPrediction", "FailedPrediction", "FieldReading", "Health"), ""),
    **dict.fromkeys(("KeptCorrection", "Manifest", "Metric", "Model", "ModelName", "Placed", "Prediction"), ""),
    **dict.fromkeys(("Predictions", "ReadDocument", "TemplateField", "Tensor"), ""),
    "Explained": "Explanation",
    "LineReading": "ReadLine",
    "LineSign": "Sign",
    "Loaded": "LoadedModel",
    "ModelList": "Models",
    "PageDigit": "ReadDigit",
    "Problem": "ProblemDocument",
    "ReadPage": "Reading",
}
SAME_KEYS = """
import type { components } from "./api";
import type * as client from "./digits.js";
type Same<A, B> = [keyof A, keyof B] extends [keyof B, keyof A]
  ? true : [Exclude<keyof A, keyof B>, Exclude<keyof B, keyof A>];
"""


@pytest.fixture(scope="module")
def project(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client's types and those of the running service's OpenAPI document."""
    assert NODE_MODULES.exists(), "TypeScript is not installed: make .cache/javascript/stamp"
    folder = tmp_path_factory.mktemp("project")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "digits.d.ts").write_text((STATIC / "digits.d.ts").read_text())
    with urllib.request.urlopen(service + "openapi.json") as document:
        (folder / "openapi.json").write_bytes(document.read())
    generator = NODE_MODULES / "openapi-typescript/bin/cli.js"
    subprocess.run(["node", generator, "openapi.json", "-o", "api.d.ts"], cwd=folder, check=True, capture_output=True)
    return folder


def compile_errors(project: Path, source: str) -> str:
    (project / "use.ts").write_text(source)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    command = ["node", "node_modules/typescript/lib/tsc.js", *options, "use.ts"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def test_the_clients_types_accept_valid_code(project: Path) -> None:
    assert compile_errors(project, VALID_CLIENT_CODE) == ""


@pytest.mark.slow
def test_the_clients_types_reject_invalid_calls(project: Path) -> None:
    lines = [f"export const invalid{i} = (file: File) => {call};" for i, call in enumerate(INVALID_CLIENT_CALLS)]
    source = 'import { explain, predict, read, ready } from "./digits.js";\n' + "\n".join(lines)
    assert lines_with_errors(compile_errors(project, source)) == list(range(len(INVALID_CLIENT_CALLS)))


def lines_with_errors(errors: str) -> list[int]:
    """Counted from 0 after the first line, which imports."""
    return [int(line) - 2 for line in re.findall(r"use.ts\((\d+),", errors)]


def test_the_client_exports_what_its_types_declare(page: Page) -> None:
    names = page.evaluate("import('/static/digits.js').then((module) => Object.keys(module))")
    package = page.evaluate("import('/static/client/client.js').then((module) => Object.keys(module))")
    declared = re.findall(r"^export (?:function|class) (\w+)", (STATIC / "digits.d.ts").read_text(), re.MULTILINE)
    assert sorted(names) == sorted(package) == sorted(set(declared))


@pytest.mark.slow
def test_the_clients_types_have_the_members_of_the_openapi_document(project: Path) -> None:
    lines = [
        f'export const same{schema}: Same<components["schemas"]["{schema}"], client.{name or schema}> = true;'
        for schema, name in NAMES.items()
    ]
    assert compile_errors(project, SAME_KEYS + "\n".join(lines)) == ""


@pytest.mark.slow
def test_the_types_of_the_openapi_document_accept_valid_code(project: Path) -> None:
    assert compile_errors(project, VALID_API_CODE) == ""


@pytest.mark.slow
def test_the_types_of_the_openapi_document_reject_invalid_code(project: Path) -> None:
    source = 'import type { components, operations } from "./api";\n' + "\n".join(INVALID_API_CODE)
    assert lines_with_errors(compile_errors(project, source)) == list(range(len(INVALID_API_CODE)))
