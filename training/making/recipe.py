"""A recipe: the steps by which a version is made, in a YAML file. Everything in it is checked before a step is done.

name: digits                # of the folder for what the steps make
steps:
  - name: first             # each step has a name,
    train:                  # a kind with its settings,
      {preset: digits-teacher, seed: 1}
  - name: version
    publish: {}
    from: [first]           # and steps above it whose results it takes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.errors import ConfigError
from training.making.kinds import KINDS, Kind
from training.making.steps import Step

RECIPES = Path(__file__).parents[1] / "recipes"
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # becomes part of a folder's name


@dataclass(frozen=True)
class Recipe:
    name: str
    text: str  # of the file
    steps: tuple[Step, ...]  # each after those whose results it takes

    def until(self, name: str | None) -> tuple[Step, ...]:
        """The step of this name and all that it depends on; without a name, all. Raises `ConfigError`."""
        if name is None:
            return self.steps
        last = next((step for step in self.steps if step.name == name), None)
        if last is None:
            raise ConfigError(f"--until {name}: the steps are {', '.join(step.name for step in self.steps)}")
        needed = {step.name for step in (*last.ancestors(), last)}
        return tuple(step for step in self.steps if step.name in needed)


def read_recipe(path: Path) -> Recipe:
    """Raises `ConfigError` for the first thing that is wrong, with its place."""
    try:
        text = path.read_text(encoding="utf-8")
        return parse_recipe(text)
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise ConfigError(f"there is no recipe {path}: name one of {known}, or a file with --recipe") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """Raises `ConfigError` or `YAMLError`."""
    table = table_of(yaml.safe_load(text), "the recipe", {"name", "steps"})
    name, entries = table.get("name"), table.get("steps")
    check_name(name)
    if not isinstance(entries, list) or not entries:
        raise ConfigError("steps: list at least one")
    steps: dict[str, Step] = {}
    for entry in entries:
        step = parse_step(entry, steps)
        steps[step.name] = step
    return Recipe(str(name), text, tuple(steps.values()))


def parse_step(entry: Any, before: Mapping[str, Step]) -> Step:
    """`before` are the steps above it: taking results of these only, no step can wait for itself."""
    table = table_of(entry, "a step", {"name", "from", *KINDS})
    name = table.get("name")
    check_name(name)
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise ConfigError(f"step {name}: give it one of {', '.join(KINDS)}")
    if name in before:
        raise ConfigError(f"step {name}: there is another step of this name")
    try:
        return make_step(str(name), kinds[0], table[kinds[0]], table.get("from", []), before)
    except ConfigError as error:
        raise ConfigError(f"step {name}: {error}") from error


def make_step(name: str, kind_name: str, settings: Any, sources: Any, before: Mapping[str, Step]) -> Step:
    kind = KINDS[kind_name]
    settings = table_of(settings, kind_name, kind.settings)
    if not isinstance(sources, list) or len(set(map(str, sources))) < len(sources):
        raise ConfigError("from: list steps, each once")
    for source in sources:
        if source not in before:
            raise ConfigError(f"from {source}: there is no step of this name above it")
    step = Step(name, kind_name, kind.output, settings, tuple(before[source] for source in sources))
    check_inputs(step, kind)
    kind.check(step)
    return step


def check_inputs(step: Step, kind: Kind) -> None:
    for output in ("run", "dataset", "version"):
        fewest, most = kind.takes.get(output, (0, 0))
        count = len(step.inputs_that_are(output))
        if not fewest <= count <= most:
            number = f"{fewest} to {most}" if fewest < most else str(most)
            raise ConfigError(f"from: {step.kind} takes {number} steps that make a {output}, not {count}")


def check_name(name: Any) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"name {name!r}: use small letters, digits and hyphens")


def table_of(value: Any, title: str, names: frozenset[str] | set[str]) -> Mapping[str, Any]:
    """The value, if it is a table that has these names only."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{title}: this is no table: {value!r}")
    unknown = sorted(map(str, set(value) - names))
    if unknown:
        raise ConfigError(f"{title}: there is no setting {', '.join(unknown)}")
    return value
