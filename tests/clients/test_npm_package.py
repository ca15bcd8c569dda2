"""clients/js: the packed client in new projects of Node.js, of TypeScript and of a bundler for a server."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from tests.conftest import ROOT
from tests.support.npm_project import NODE_MODULES, PACKAGE, build, build_with_webpack, make_project, run
from tests.support.odd_server import OddServer, odd_server
from tests.support.service import Service
from tests.support.service_process import free_port

PROGRAM = """
import * as digits from "digits-client";
import { readFile } from "node:fs/promises";

const [service] = process.argv.slice(-1);
const seven = await readFile("seven.png");
const fractions = [];
const onProgress = (fraction) => fractions.push(fraction);
const answer = async () => { CODE };
const seen = (error) => ({ name: error.name, message: error.message, ...error, cause: undefined });
console.log(JSON.stringify(await answer().catch(seen)));
"""
LARGE = "const large = Buffer.concat([seven, Buffer.alloc(8 * 2 ** 20)]);"
README = re.findall(r"^```javascript\n(.*?)^```", (PACKAGE / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def odd() -> Iterator[OddServer]:
    with odd_server() as server:
        yield server


def evaluate(project: Path, service: str, code: str) -> Any:
    """The value of the code, which sees the client as `digits`, or the members of its error."""
    program = PROGRAM.replace("CODE", code)
    return json.loads(run("node", "--input-type=module", "--eval", program, "--", service, cwd=project))


def test_package_has_what_the_service_serves_and_the_licence(project: Path) -> None:
    (tarball,) = project.parent.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    modules = {f"client/{path.name}" for path in (ROOT / "app/web/static/client").iterdir()}
    assert names == modules | {"digits.d.ts", "package.json", "README.md", "LICENSE"}
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == __version__


# --- pictures and answers ---------------------------------------------------------------------------------------------


def test_everything_that_holds_bytes_is_read(project: Path, service: Service) -> None:
    code = """
        const bytes = seven.buffer.slice(seven.byteOffset, seven.byteOffset + seven.length);
        const address = `${service}/static/seven.png`;
        const pictures = [seven, new Uint8Array(bytes), new DataView(bytes), bytes, new Blob([seven]), address,
            new URL(address), `data:image/png;base64,${seven.toString("base64")}`];
        const { predictions } = await digits.predict(pictures, { service });
        return predictions.map(({ digit }) => digit);
    """
    assert evaluate(project, service.address, code) == [7] * 8


@pytest.mark.parametrize(
    "path", ["seven.png", "./seven.png", "/etc/hostname", "C:\\\\seven.png", "file:///etc/hostname"]
)
def test_path_of_a_file_is_not_taken_for_a_picture(project: Path, path: str) -> None:
    error = evaluate(project, "http://127.0.0.1:1/", f'return digits.predict("{path}", {{ service }})')
    assert error["name"] == "TypeError"
    assert "pass its bytes" in error["message"]


def test_picture_that_cannot_be_fetched_is_a_problem(project: Path, service: Service) -> None:
    code = "return digits.predict(`${service}/static/none.png`, { service })"
    error = evaluate(project, service.address, code)
    assert error["type"] == "urn:digits:problem:picture-unavailable"
    assert "404" in error["message"]


def test_queue_keeps_order_and_a_bad_picture_fails_alone(project: Path, service: Service) -> None:
    code = """
        async function* pictures() { yield seven; yield Buffer.from("no picture"); yield {}; yield seven; }
        const done = [];
        const onEntry = ({ index }, picture) => done.push([index, picture.length]);
        const entries = await digits.readAll(pictures(), { service, concurrency: 3, onEntry, onProgress: onProgress });
        const told = entries.map(({ index, reading, error }) => [index, reading?.text ?? error.name]);
        return [told, done.length, fractions];
    """
    told, done, progress = evaluate(project, service.address, code)
    assert told == [[0, "7"], [1, "Problem"], [2, "TypeError"], [3, "7"]]
    assert (done, progress) == (4, [0, 1, 2, 3, 4])


def test_queue_takes_pictures_only_as_they_are_needed_and_ends_with_an_abort(project: Path, odd: OddServer) -> None:
    code = """
        let taken = 0, ended = false;
        async function* pictures() { try { for (;; taken++) yield seven; } finally { ended = true; } }
        const options = { service, concurrency: 3, signal: AbortSignal.timeout(500) };
        const error = await digits.readAll(pictures(), options).catch((error) => error);
        return [error.name, taken, ended];
    """
    assert evaluate(project, odd.address + "stuck/", code) == ["TimeoutError", 2, True]


@pytest.mark.parametrize("pictures", ["seven", "'https://digits.example/1.png'", "new Blob([])", "undefined", "7"])
def test_queue_of_one_picture_is_refused(project: Path, pictures: str) -> None:
    error = evaluate(project, "http://127.0.0.1:1/", f"return digits.readAll({pictures}, {{ service }})")
    assert (error["name"], "several pictures" in error["message"]) == ("TypeError", True)


def test_form_of_a_template_and_a_correction_are_sent(project: Path, service: Service) -> None:
    code = """
        const template = { fields: { meter: { x: 0, y: 0, width: 1, height: 1, length: 1 } } };
        const { fields } = await digits.read(seven, { service, template });
        const correction = { service, region: [6, 7, 16, 20], read: "1", model: "digits", version: 8 };
        const closed = await digits.correct(seven, "7", correction).catch((error) => error);
        return [fields.meter.text, closed.type];
    """
    assert evaluate(project, service.address, code) == ["7", "urn:digits:problem:corrections-closed"]


def test_call_that_was_aborted_before_leaves_nothing_behind(project: Path) -> None:
    """A timer of a day would keep the program from ending."""
    code = """
        return digits.health({ service: "http://127.0.0.1:1/", timeoutMs: 86_400_000, signal: AbortSignal.abort() });
    """
    assert evaluate(project, "", code)["name"] == "AbortError"


# --- the address and the key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", "digits.example"])
def test_missing_service_is_named(project: Path, service: str) -> None:
    error = evaluate(project, service, "return digits.health({ service })")
    assert (error["name"], "service:" in error["message"]) == ("TypeError", True)


def test_service_below_a_prefix_needs_no_slash_at_its_end(project: Path, odd: OddServer) -> None:
    code = "return (await digits.predict(seven, { service })).predictions[0].digit"
    assert evaluate(project, odd.address + "503/below/a/prefix", code) == 7
    assert "/503/below/a/prefix/predict" in odd.refusals


def test_connected_client_sends_its_key(project: Path, keyed: Service) -> None:
    code = """
        const client = digits.connect({ service, apiKey: "key" });
        const { predictions } = await client.predict(seven, { service: undefined });
        const refused = await client.predict(seven, { apiKey: "another" }).catch((error) => error);
        const unsent = await client.predict(seven, { apiKey: "ключ" }).catch((error) => error);
        return [predictions[0].digit, refused.status, unsent.type];
    """
    assert evaluate(project, keyed.address, code) == [7, 401, "urn:digits:problem:invalid-key"]


def test_service_that_is_down_is_reported_without_a_word_of_cors(project: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    error = evaluate(project, address, "return digits.predict(seven, { service })")
    assert (error["status"], error["type"]) == (0, "urn:digits:problem:unreachable")
    assert f"{address} (ECONNREFUSED)" in error["message"]
    assert "CORS" not in error["message"]


def test_answer_of_another_server_is_a_problem(project: Path, odd: OddServer) -> None:
    error = evaluate(project, odd.address + "page/", "return digits.predict(seven, { service })")
    assert (error["status"], error["type"]) == (200, "urn:digits:problem:unexpected-answer")


# --- time -------------------------------------------------------------------------------------------------------------


def test_large_body_is_refused_as_by_the_service(project: Path, service: Service) -> None:
    """413 arrives while the body is still being sent."""
    error = evaluate(project, service.address, "return digits.predict(new Uint8Array(20 * 2 ** 20), { service })")
    assert (error["status"], error["type"]) == (413, "urn:digits:problem:body-too-large")


def test_progress_of_an_upload_goes_from_0_to_1(project: Path, service: Service) -> None:
    code = f"{LARGE} await digits.predict([seven, large], {{ service, onProgress }}); return fractions;"
    fractions = evaluate(project, service.address, code)
    assert len(fractions) > 100
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert fractions == sorted(fractions)


def test_slow_upload_takes_longer_than_the_time_limit(project: Path, odd: OddServer) -> None:
    """The limit counts from the last byte that moved; what the system has taken of a body is not known to have left."""
    code = f"""
        {LARGE}
        const start = performance.now();
        const {{ predictions }} = await digits.predict(large, {{ service, timeoutMs: 1500, answerTimeoutMs: 30_000 }});
        return [predictions[0].digit, performance.now() - start];
    """
    digit, milliseconds = evaluate(project, odd.address + "slow/", code)
    assert digit == 7
    assert milliseconds > 1500


@pytest.mark.parametrize("picture", ["seven", "large"])
def test_upload_and_answer_that_stop_moving_are_timeouts(project: Path, odd: OddServer, picture: str) -> None:
    code = f"{LARGE} return digits.predict({picture}, {{ service, timeoutMs: 300 }})"
    assert evaluate(project, odd.address + "stuck/", code)["type"] == "urn:digits:problem:timeout"


@pytest.mark.parametrize("status", [429, 503])
def test_busy_service_is_asked_again_at_the_time_it_names(project: Path, odd: OddServer, status: int) -> None:
    """503 names seconds, 429 a date."""
    code = f"{LARGE} return (await digits.predict(large, {{ service }})).predictions[0].digit"
    assert evaluate(project, f"{odd.address}{status}/", code) == 7
    assert odd.refusals[f"/{status}/predict"] == 1


def test_service_that_is_busy_for_an_hour_is_not_waited_for(project: Path, odd: OddServer) -> None:
    error = evaluate(project, odd.address + "busy/", "return digits.predict(seven, { service })")
    assert (error["status"], error["retryAfter"]) == (503, 3600)
    assert odd.refusals["/busy/predict"] == 1


# --- projects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [block for block in README if "document." not in block])
def test_program_of_the_readme_reads_a_seven(project: Path, service: Service, block: str) -> None:
    program = block.replace("http://localhost:8000", service.address)
    lines = run("node", "--input-type=module", "--eval", program, cwd=project).splitlines()
    assert [line for line in lines if re.match(r"7\b", line)]


TYPESCRIPT = """
import { readFile } from "node:fs/promises";
import { connect, predict, Problem, readAll } from "digits-client";
import type { Picture, ReadEntry } from "digits-client";

const service: string = process.argv[2] ?? "";
const picture: Picture = await readFile("seven.png");
const entries: ReadEntry[] = await readAll([picture, picture], { service, concurrency: 1 });
const texts = entries.map((entry) => (entry.error ? entry.error.message : entry.reading.text));
const { predictions } = await predict([picture, new Uint8Array(3)], { service, onError: "each" });
const found = predictions.map((each) => ("error" in each ? each.error.status : each.digit));
const { models } = await connect({ service }).models();
const threshold: number | undefined = models[0]?.manifest.threshold;
try {
  await connect({ service }).correct(picture, "7", { region: [6, 7, 16, 20], read: "1" });
} catch (error) {
  if (error instanceof Problem) console.log(texts.join(), found.join(), typeof threshold, error.status);
}
"""
INVALID_TYPESCRIPT = """
import { predict, readAll } from "digits-client";
export const path = (name: string) => predict(name);
export const one = () => readAll(new Uint8Array(1));
export const element = (image: HTMLImageElement) => predict(image);
export const digits = async () => (await predict(new Blob(), { onError: "each" })).predictions[0].digit;
"""
STRICT = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022", "--types", "node"]


@pytest.mark.slow
def test_typescript_of_a_server_is_checked_and_runs(project: Path, service: Service) -> None:
    """Strictly, with the types of Node.js and none of browsers."""
    (project / "use.ts").write_text(TYPESCRIPT)
    build("tsc", *STRICT, "--typeRoots", str(NODE_MODULES / "@types"), "use.ts", cwd=project)
    assert run("node", "use.js", service.address, cwd=project).split() == ["7,7", "7,415", "number", "404"]


@pytest.mark.slow
def test_wrong_typescript_is_refused(project: Path) -> None:
    (project / "wrong.ts").write_text(INVALID_TYPESCRIPT)
    options = (*STRICT, "--typeRoots", str(NODE_MODULES / "@types"), "--noEmit", "wrong.ts")
    command = ("bash", "-c", '"$@" || true', "-", "node", str(NODE_MODULES / "typescript/bin/tsc"), *options)
    assert set(re.findall(r"wrong\.ts\((\d),", run(*command, cwd=project))) == {"3", "4", "5", "6"}


ON_A_SERVER = """
import { predict } from "digits-client";
import { readFileSync } from "node:fs";
const answer = predict(readFileSync("seven.png"), { service: process.argv[2] });
answer.then(({ predictions }) => console.log(predictions[0].digit));
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["esm", "cjs"])
def test_bundle_for_a_server_reads_a_seven(project: Path, service: Service, kind: str) -> None:
    """As frameworks render pages on a server: nothing of a browser is touched when the module is loaded."""
    (project / "bundled.js").write_text(ON_A_SERVER)
    output = f"bundle.{'mjs' if kind == 'esm' else 'cjs'}"
    options = ("--bundle", "--platform=node", f"--format={kind}", f"--outfile={output}", "--log-limit=0")
    build("esbuild", "bundled.js", *options, "--log-override:empty-import-meta=error", cwd=project)
    assert run("node", output, service.address, cwd=project).strip() == "7"


@pytest.mark.slow
def test_bundle_of_webpack_for_a_server_reads_a_seven(project: Path, service: Service) -> None:
    (project / "rendered.js").write_text(ON_A_SERVER)
    build_with_webpack("./rendered.js", "node", "rendered", cwd=project)
    assert run("node", "rendered/main.cjs", service.address, cwd=project).strip() == "7"
