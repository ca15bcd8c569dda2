"""Does the steps of a recipe that are not done yet. What is done is recognised by its settings and its inputs' digests.

runs/<recipe>/
    <step>-<fingerprint>/   what a step has made, with step.json
    made.json               all steps of the last making, with their times and memory
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from training.errors import DataError
from training.files import locked
from training.making.kinds import KINDS
from training.making.recipe import Recipe
from training.making.records import RECORD_FILE, Made, Record, digest, fingerprint
from training.making.steps import Places, Step, Task
from training.processes import peak_memory, run_in_process
from training.provenance import commit, machine_kind
from training.runs import write_json

MADE_FILE = "made.json"


@dataclass(frozen=True)
class Maker:
    recipe: Recipe
    runs: Path
    places: Places

    @property
    def folder(self) -> Path:
        return self.runs / self.recipe.name

    def make(self, until: str | None = None) -> None:
        """Does all steps, or those that the step `until` needs, and prints how far it is.

        Raises what a step raises, and `DataError` if a result is no longer what its step has made.
        """
        steps = self.recipe.until(until)
        made: dict[str, Made] = {}
        with locked(self.folder):
            for number, step in enumerate(steps, 1):
                title = f"step {number} of {len(steps)}: {step}"
                made[step.name] = self.find(step, made, title) or self.do(step, made, title)
                self.write_summary(made)

    def list(self, until: str | None = None) -> Iterator[str]:
        """A line for each step: whether it is done."""
        made: dict[str, Made] = {}
        for step in self.recipe.until(until):
            yield f"{step.name:20} {step.kind:9} {self.state(step, made)}"

    def state(self, step: Step, made: dict[str, Made]) -> str:
        if any(source.name not in made for source in step.inputs):
            return "to do"
        folder = self.step_folder(step, made)
        if not (folder / RECORD_FILE).exists():
            return f"started: {folder}" if folder.exists() else "to do"
        made[step.name] = self.read(step, made)
        return f"done: {made[step.name].folder}"

    # --- one step ---

    def find(self, step: Step, made: Mapping[str, Made], title: str) -> Made | None:
        """What the step has made before. Raises `DataError` if it was changed since."""
        if not (self.step_folder(step, made) / RECORD_FILE).exists():
            return None
        found = self.read(step, made)
        if digest(found.folder, step.output) != found.record.sha256:
            raise DataError(
                f"{found.folder} is no longer what the step {step.name} has made: restore it, or move "
                f"{self.step_folder(step, made)} away to do the step again"
            )
        print(f"{title}: done before, {found.folder}", flush=True)
        return found

    def do(self, step: Step, made: Mapping[str, Made], title: str) -> Made:
        print(f"{title} ...", flush=True)
        folder, started = self.step_folder(step, made), time.monotonic()
        sources = [made[source.name] for source in step.inputs]
        task = Task(
            step,
            tuple(source.folder for source in sources),
            folder,
            self.places,
            self.recipe.text,
            tuple(made[name].record.parent() for name in dict.fromkeys(parent.name for parent in step.ancestors())),
        )
        result, peak = run_in_process(do_task, task, title=title)
        record = Record(
            name=step.name,
            kind=step.kind,
            settings=dict(step.settings),
            inputs={source.step.name: source.record.sha256 for source in sources},
            result=Path(os.path.relpath(result, folder)).as_posix(),
            sha256=digest(result, step.output),
            commit=commit(),
            machine=machine_kind(),
            seconds=round(time.monotonic() - started, 1),
            peak_bytes=peak,
        )
        record.write(folder)
        print(f"{title}: made {result} in {describe_cost(record)}", flush=True)
        return self.read(step, made)

    def step_folder(self, step: Step, made: Mapping[str, Made]) -> Path:
        return self.folder / f"{step.name}-{self.fingerprint(step, made)}"

    def fingerprint(self, step: Step, made: Mapping[str, Made]) -> str:
        return fingerprint(step, [made[source.name] for source in step.inputs])

    def read(self, step: Step, made: Mapping[str, Made]) -> Made:
        folder = self.step_folder(step, made)
        record = Record.read(folder)
        result = Path(os.path.normpath(folder / record.result))  # that of a publication is elsewhere
        return Made(step, self.fingerprint(step, made), result, record)

    def write_summary(self, made: Mapping[str, Made]) -> None:
        records = [result.record for result in made.values()]
        peaks = [record.peak_bytes for record in records if record.peak_bytes]
        summary = {
            "recipe": self.recipe.name,
            "hours": round(sum(record.seconds for record in records) / 3600, 2),
            "peak_bytes": max(peaks, default=None),
            "steps": [asdict(record) for record in records],
        }
        write_json(self.folder / MADE_FILE, summary)


def do_task(task: Task) -> tuple[Path, int | None]:
    """In the step's own process: the folder with the result, and the memory that it took."""
    return KINDS[task.step.kind].make(task), peak_memory()


def describe_cost(record: Record) -> str:
    duration = timedelta(seconds=round(record.seconds))
    return f"{duration}, {record.peak_bytes / 2**20:,.0f} MiB" if record.peak_bytes else str(duration)
