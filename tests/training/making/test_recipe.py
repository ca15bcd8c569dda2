"""A recipe is checked as a whole, before anything is made: the first mistake is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.distillation.synthetic_dataset import Plan
from training.errors import ConfigError
from training.making.kinds import config_of, plan_of
from training.making.recipe import RECIPES, Recipe, parse_recipe, read_recipe


@pytest.fixture
def recipe(small_recipe: str) -> Recipe:
    return parse_recipe(small_recipe)


def test_every_recipe_of_the_project_is_right() -> None:
    recipes = [read_recipe(path) for path in RECIPES.glob("*.yaml")]
    assert recipes
    for recipe in recipes:
        assert [step.kind for step in recipe.steps][-1] == "publish"


def test_steps_take_the_results_of_steps_above_them(recipe: Recipe) -> None:
    mean = recipe.steps[4]
    assert [step.name for step in mean.inputs] == ["first", "further"]
    assert {step.name for step in mean.ancestors()} == {"teacher", "pictures", "first", "further"}


def test_settings_are_those_of_the_commands(recipe: Recipe) -> None:
    teacher, pictures, first, *_ = recipe.steps
    assert config_of(teacher).fold == "1/2"
    assert config_of(first).options.rejects  # of the preset
    assert config_of(first).ema_momentum == 0.5
    assert plan_of(pictures) == Plan((), 2, 2, 0, 1, 3, 1, shard_size=100, seed=5, judged=0)


def test_only_what_a_step_needs_is_made_until_it(recipe: Recipe) -> None:
    assert [step.name for step in recipe.until("first")] == ["teacher", "pictures", "first"]
    with pytest.raises(ConfigError, match="--until last: the steps are teacher, pictures"):
        recipe.until("last")


WAYS = {
    "a kind that is not there": ("average: {}", "mix: {}", "a step: there is no setting mix"),
    "two kinds in one step": ("average: {}", "average: {}\n    publish: {}", "step mean: give it one of train,"),
    "a setting that is not there": ("warmup_epochs: 0", "warm: 0", "step teacher: train: there is no setting warm"),
    "a setting out of its range": ("epochs: 3", "epochs: 0", "step first: --epochs 0: give a number from 1 to 9999"),
    "a word for a number": ("seed: 5", "seed: five", "step pictures: --seed 'five': this is no int"),
    "a preset that is not there": ("preset: digits-teacher", "preset: x", "step teacher: preset x: choose from"),
    "a preset that no step keeps the promise of": (
        "preset: digits-teacher, fold: 1/2, arch: mlp",
        "preset: private-mlp",
        "step teacher: preset private-mlp: no step trains privately",
    ),
    "a fold that is not there": ("fold: 1/2", "fold: 3/2", "step teacher: --fold 3/2: give the fold"),
    "an architecture that is not there": ("arch: mlp", "arch: rnn", "step teacher: --arch rnn: choose from"),
    "a seed for a mean": ("average: {}", "average: {seed: 1}", "step mean: average: there is no setting seed"),
    "a step that waits for itself": ("from: [teacher]", "from: [pictures]", "from pictures: there is no step"),
    "a step that waits for a later one": ("from: [teacher]", "from: [first]", "from first: there is no step"),
    "an input that is not there": ("from: [best]", "from: [worst]", "from worst: there is no step"),
    "an input twice": ("from: [first, further]", "from: [first, first]", "step mean: from: list steps, each once"),
    "a mean of one": ("from: [first, further]", "from: [first]", "average takes 2 to 99 steps that make a run, not 1"),
    "a dataset published": ("from: [best]", "from: [pictures]", "publish takes 1 steps that make a run, not 0"),
    "no dataset to learn from": (
        "from: [pictures]",
        "from: [teacher]",
        "step first: from: the preset digits learns from a dataset",
    ),
    "weights that do not fit": (
        "from: [pictures, first]",
        "from: [pictures, teacher]",
        "the weights of teacher do not",
    ),
    "a kind without shards": ("near: 2", "near: 0", "step first: bank_parts: pictures has no shards of the kind near"),
    "a name twice": ("name: further", "name: first", "step first: there is another step of this name"),
    "a name that is a path": ("name: mean", "name: ../mean", "name '../mean': use small letters"),
    "no table": ("average: {}", "average: 3", "average: this is no table: 3"),
    "no YAML": ("average: {}", "average: {", "is no YAML"),
}


@pytest.mark.parametrize(("right", "wrong", "says"), WAYS.values(), ids=WAYS.keys())
def test_each_mistake_is_said_with_its_place(
    right: str, wrong: str, says: str, small_recipe: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    assert right in small_recipe
    path.write_text(small_recipe.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as error:
        read_recipe(path)
    assert says in str(error.value)
    assert str(error.value).startswith(str(path))


def test_a_recipe_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="name one of digits"):
        read_recipe(RECIPES / "digit.yaml")
