"""Flags: every field has one, whatever its type, and --help is readable."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grit.config.compose import load_recipe
from grit.errors import ConfigError


def flags(*words):
    return load_recipe([], words)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--training.keep_best"], True),
        (["--training.keep-best"], True),
        (["--training.no_keep_best"], False),
        (["--training.no-keep-best"], False),
        (["--training.keep_best", "true"], True),
        (["--training.keep_best=False"], False),
        (["--training.no_keep_best=false"], True),
    ],
)
def test_a_truth_is_switched_by_its_name(words, value):
    recipe = flags("--training.validate_every", "5", "--data.validation", "builtin:val", *words)
    assert recipe.training.keep_best is value


def test_a_truth_can_be_switched_off_again_over_a_file(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("model: {freeze_vision: true}", encoding="utf-8")
    assert load_recipe([file], ["--model.no_freeze_vision"]).model.freeze_vision is False


def test_lists_and_names_with_values_are_written_one_after_the_other():
    recipe = flags("--optimizer.betas", "0.8", "0.9", "--rewards.weights", "count=2", "format=0.5")
    assert recipe.optimizer.betas == (0.8, 0.9)
    assert recipe.rewards.weights == {"count": 2.0, "format": 0.5}


def test_names_with_values_deepen_those_of_a_file(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("rewards: {weights: {count: 2, format: 1}}", encoding="utf-8")
    recipe = load_recipe([file], ["--rewards.weights", "format=3"])
    assert recipe.rewards.weights == {"count": 2.0, "format": 3.0}


def test_none_empties_an_optional_field(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("model: {max_pixels: 1000}", encoding="utf-8")
    assert load_recipe([file], ["--model.max_pixels", "none"]).model.max_pixels is None


def test_any_flag_of_an_optional_part_switches_it_on():
    lora = flags("--model.lora.rank", "16").model.lora
    assert lora is not None
    assert lora.rank == 16
    assert flags("--group.size", "4").model.lora is None


def test_flags_of_another_engine_are_known_once_its_type_is_chosen():
    chosen = flags("--rollout.type", "vllm", "--rollout.python", "/env/bin/python").rollout
    assert (chosen.type, str(chosen.python)) == ("vllm", "/env/bin/python")
    with pytest.raises(ConfigError, match=r"rollout\.python"):
        flags("--rollout.python", "/env/bin/python")


def test_text_that_looks_like_a_number_stays_text():
    assert flags("--output", "2024").output == "2024"


def test_a_value_that_starts_with_a_minus_is_no_flag():
    with pytest.raises(ConfigError, match=r'--optimizer\.lr is "-3"; expected a number above 0'):
        flags("--optimizer.lr", "-3")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--group.siez", "3"], "--group.siez: is no flag; did you mean --group.size?"),
        (["--beta", "3"], "did you mean --loss.beta?"),
        (["--group", "3"], "--group: is a part, not a field"),
        (["--group.size", "abc"], '--group.size is "abc"; expected a whole number'),
        (["--group.size"], "Missing value for argument '--group.size'"),
        (["--training.keep_best", "maybe"], "maybe"),
        (["--training.keep_best=maybe"], 'is "maybe"; expected true or false'),
        (["--rewards.weights", "format"], 'expected name=value, not "format"'),
        (["--rewards.weights", "format=x"], 'rewards.weights.format is "x"; expected a number'),
        (["--group.size", "3", "late.yaml"], "recipe files come before the first flag"),
        (["--rollout.type", "cloud"], '--rollout.type is "cloud"; expected local or vllm'),
        (["--training.keep_best"], "set validate_every"),
    ],
)
def test_a_bad_flag_is_named_with_the_fix(words, says, capsys):
    with pytest.raises(ConfigError) as caught:
        flags(*words)
    assert says in str(caught.value)
    assert "╭" not in str(caught.value)
    assert capsys.readouterr() == ("", "")


def test_help_shows_every_field_with_its_sentence_and_its_value(tmp_path, capsys):
    file = tmp_path / "a.yaml"
    file.write_text("group: {size: 6}", encoding="utf-8")
    with pytest.raises(SystemExit) as leaving:
        load_recipe([file], ["--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert leaving.value.code == 0
    assert "--group.size INT Completions per prompt, the paper's N. (default: 6)" in shown
    assert "--model.lora.rank INT" in shown
    assert "--loss.aggregation {completion_mean,token_mean,constant}" in shown
    assert "--rewards.weights NAME=VALUE" in shown


def test_help_loads_nothing_that_it_does_not_need():
    code = (
        "import sys\n"
        "from grit.config.compose import load_recipe\n"
        "try:\n    load_recipe([], ['--help'])\n"
        "except SystemExit:\n    pass\n"
        "slow = {'torch', 'transformers', 'numpy', 'typeguard'} & set(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
