"""Files, then flags, make one recipe; what is wrong is named with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from grit.config.base import Config
from grit.config.compose import (
    dump_recipe,
    load_config,
    load_recipe,
    recipe_hash,
    split_arguments,
)
from grit.config.recipe import Recipe
from grit.errors import ConfigError

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.fixture
def write(tmp_path):
    def _write(name, text):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return _write


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_recipe_loads(file):
    assert isinstance(load_recipe([file]), Recipe)


def test_shipped_recipes_can_be_laid_over_each_other():
    recipe = load_recipe([RECIPES / "grit-qwen2.5-vl-3b.yaml", RECIPES / "lora.yaml"])
    assert recipe.model.lora is not None
    assert recipe.model.path == "Qwen/Qwen2.5-VL-3B-Instruct"
    assert recipe.optimizer.lr == 2e-5


def test_later_files_lie_over_earlier_ones_and_flags_over_all(write):
    base = write("base.yaml", "group: {size: 6, prompts_per_step: 5}\noptimizer: {lr: 1.0e-5}\n")
    mine = write("mine.yaml", "group:\n  size: 7\n")
    recipe = load_recipe([base, mine], ["--group.size", "8"])
    assert (recipe.group.size, recipe.group.prompts_per_step, recipe.optimizer.lr) == (8, 5, 1e-5)
    assert load_recipe([base, mine]).group.size == 7


def test_a_number_without_a_point_in_its_exponent_is_a_number(write):
    assert load_recipe([write("a.yaml", "optimizer: {lr: 2e-5}")]).optimizer.lr == 2e-5


def test_null_takes_a_part_away_again(write):
    base = write("base.yaml", "model: {lora: {rank: 4}}")
    assert load_recipe([base, write("b.yaml", "model: {lora: null}")]).model.lora is None


def test_an_empty_file_changes_nothing(write):
    assert load_recipe([write("a.yaml", "# nothing\n")]) == Recipe()


def test_files_stand_before_the_first_flag():
    files, flags = split_arguments(["a.yaml", "b.yaml", "--optimizer.betas", "0.9", "0.95"])
    assert files == [Path("a.yaml"), Path("b.yaml")]
    assert flags == ["--optimizer.betas", "0.9", "0.95"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("group:\n  siez: 3\n", 2, "unknown field group.siez; did you mean group.size?"),
        ("\nbeta: 0.1\n", 2, "unknown field beta; did you mean loss.beta?"),
        ("grop: {}\n", 1, "unknown field grop; did you mean group?"),
        ("group:\n  size: many\n", 2, 'group.size is "many"; expected a whole number'),
        ("group:\n  size: true\n", 2, 'group.size is "true"; expected a whole number'),
        ("group:\n  size: 1\n", 2, "group.size is 1; expected a number of at least 2"),
        ("group: 4\n", 1, "group is 4; expected a mapping of fields"),
        ("model:\n  path: 7\n", 2, "model.path is 7; expected text; put quotes around it"),
        ("training:\n  keep_best: perhaps\n", 2, 'is "perhaps"; expected true or false'),
        ("loss:\n  aggregation: mean\n", 2, "expected 'completion_mean', 'token_mean' or"),
        ("rollout:\n  type: cloud\n", 2, "rollout.type is \"cloud\"; expected one of 'local'"),
        ("optimizer:\n  betas: [0.9, 2]\n", 2, "expected a number below 1"),
        ("training:\n  steps: 3\n  keep_best: true\n", 3, "set validate_every"),
        ("group:\n\tsize: 3\n", 2, "not valid YAML"),
        ("a: [1,\nb: 2\n", 3, "not valid YAML"),
        ("group: {size: 3}\ngroup: {size: 4}\n", 2, "group is given twice, first on line 1"),
        ("- a\n- b\n", 1, "a recipe is a mapping of fields"),
        ("just words\n", 1, "a recipe is a mapping of fields"),
        ("1: 2\n", 1, "the field name '1' is not text"),
        ("a: &a\n  b: *a\n", 1, "an alias that holds itself"),
        ("model: !!python/object/apply:os.getcwd []\n", 1, "not valid YAML"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_the_fix(write, text, line, says):
    file = write("mine.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load_recipe([file])
    message = str(caught.value)
    assert message.startswith(f"{file}, line {line}")
    assert says in message


def test_the_file_that_is_wrong_is_named_not_its_neighbour(write):
    good, bad = write("good.yaml", "group: {size: 4}"), write("bad.yaml", "\nloss: {beta: x}")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(bad))}, line 2: loss.beta"):
        load_recipe([good, bad, write("last.yaml", "group: {size: 5}")])


def test_every_fault_is_named_at_once(write):
    with pytest.raises(ConfigError) as caught:
        load_recipe([write("a.yaml", "group: {size: 0}\nloss: {beta: -1}\nx: 1\n")])
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("kind", ["missing", "folder", "latin"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, kind):
    file = tmp_path / "a.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind == "latin":
        file.write_bytes(b"output: caf\xe9")
    with pytest.raises(ConfigError, match=re.escape(str(file))):
        load_recipe([file])


def test_a_dumped_recipe_loads_to_the_same_recipe(write):
    flags = ["--model.lora.targets", "q_proj", "v_proj", "--rewards.weights", "count=2"]
    recipe = load_recipe([], [*flags, "--model.system_prompt", "Äpfel: ja\n# no comment"])
    again = load_recipe([write("dump.yaml", dump_recipe(recipe))])
    assert again == recipe
    assert recipe_hash(again) == recipe_hash(recipe)


@settings(deadline=None, max_examples=50)
@given(
    lr=st.floats(1e-12, 1.0),
    size=st.integers(2, 10**6),
    seed=st.integers(0, 2**63 - 1),
    prompt=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30),
)
def test_any_recipe_survives_yaml(lr, size, seed, prompt):
    recipe = Recipe.model_validate(
        {
            "optimizer": {"lr": lr},
            "group": {"size": size},
            "training": {"seed": seed},
            "model": {"system_prompt": prompt},
        }
    )
    assert Recipe.model_validate(yaml.safe_load(dump_recipe(recipe))) == recipe


def test_the_hash_follows_every_field_and_nothing_else():
    assert recipe_hash(Recipe()) == recipe_hash(load_recipe([], ["--group.size", "4"]))
    assert recipe_hash(Recipe()) != recipe_hash(load_recipe([], ["--group.size", "5"]))


class Near(Config):
    """Nearby."""

    type: Literal["near"] = "near"
    """Kind."""
    speed: float = 1.0
    """Shared by both."""
    shelf: int = 3
    """Its own."""


class Far(Config):
    """Far away."""

    type: Literal["far"] = "far"
    """Kind."""
    speed: float = 2.0
    """Shared by both."""
    address: str = "nowhere"
    """Its own."""


class Shop(Config):
    """A model with two variants, as a second engine or judge will make of a recipe."""

    place: Annotated[Near | Far, Field(discriminator="type")] = Near()
    """Where it is."""


def shop(files, *flags):
    return load_config(Shop, files, flags, prog="shop")


def test_a_type_flag_chooses_the_variant_and_its_fields(write):
    assert shop([]).place == Near()
    assert shop([], "--place.type", "far", "--place.address", "x").place == Far(address="x")
    assert shop([], "--place.address=x", "--place.type=far").place == Far(address="x")


def test_a_later_type_keeps_what_both_variants_know_and_drops_the_rest(write):
    near = write("near.yaml", "place: {type: near, speed: 9, shelf: 1}")
    assert shop([near], "--place.type", "far").place == Far(speed=9)
    assert shop([near, write("far.yaml", "place: {type: far}")]).place == Far(speed=9)


def test_a_field_of_another_variant_is_refused_beside_its_own_type(write):
    file = write("a.yaml", "place:\n  type: far\n  shelf: 1\n")
    with pytest.raises(ConfigError, match=r"line 3: unknown field place\.shelf"):
        shop([file])


def test_an_unknown_type_names_the_known_ones(write):
    with pytest.raises(ConfigError, match=r'--place\.type is "moon"; expected near or far'):
        shop([], "--place.type", "moon")
    with pytest.raises(ConfigError, match=r"a\.yaml, line 1.*'near', 'far'"):
        shop([write("a.yaml", "place: {type: moon}")])
