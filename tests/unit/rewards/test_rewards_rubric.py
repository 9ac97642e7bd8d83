from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from grit.config.rewards import CustomRewardConfig, RewardsConfig
from grit.data.sample import Sample
from grit.errors import ConfigError, RewardError
from grit.geometry.spaces import Frame
from grit.judges.rules import RulesJudge
from grit.judges.verdict import Verdict
from grit.rewards.custom import load_reward
from grit.rewards.judging import judge_and_score, judge_rows
from grit.rewards.presets import build_rubric
from grit.rewards.rubric import Rubric
from grit.rewards.score import RewardRow, Score
from grit.traces.parse import parse_trace

SAMPLE = Sample("s1", Path("p.jpg"), "Is it?", "yes", "vsr")


def trace(text: str):
    return parse_trace(text, Frame((100, 100)))


ROW = RewardRow(trace("<answer>yes</answer>"), SAMPLE, Verdict(1.0, "", "test"))


def test_a_rubric_adds_weighted_values_and_passes_over_what_does_not_apply():
    rubric = Rubric(
        {
            "a": (lambda row: Score(2.0), 0.5),
            "b": (lambda row: Score.not_applicable("no count"), 3.0),
            "c": (lambda row: Score(-1.0), 0.25),
        }
    )
    (scored,) = rubric.score([ROW])
    assert scored.total == pytest.approx(0.75)
    assert [scored.paid(name) for name in rubric.names] == [1.0, 0.0, -0.25]
    assert scored.weights == {"a": 0.5, "b": 3.0, "c": 0.25}


def test_an_unscored_component_of_no_weight_does_not_unscore_the_row():
    rubric = Rubric(
        {"a": (lambda row: Score(1.0), 1.0), "b": (lambda row: Score.unscored("x"), 0.0)}
    )
    assert rubric.score([ROW])[0].total == 1.0


def test_weights_replace_those_of_the_preset():
    rubric = build_rubric(RewardsConfig(weights={"count": 2.0, "answer": 0.0}))
    assert rubric.weights == {"format": 1.0, "count": 2.0, "answer": 0.0}


def test_an_unknown_weight_names_the_components_that_there_are():
    with pytest.raises(ConfigError, match=r"'bleu'.*format, count, answer"):
        build_rubric(RewardsConfig(weights={"bleu": 1.0}))


def test_weights_are_finite():
    with pytest.raises(ValidationError):
        RewardsConfig(weights={"count": float("nan")})


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_grit_rewards.py").write_text(
        "from grit.rewards.score import Score\n"
        "def short(row): return 1.0 if len(row.trace.text) < 50 else 0.0\n"
        "def scored(row): return Score(0.25, 'why')\n"
        "def whole(row): return 2\n"
        "def nothing(row): return None\n"
        "def infinite(row): return float('inf')\n"
        "def broken(row): raise KeyError('colour')\n"
        "async def later(row): return 1.0\n"
        "class Cls: pass\n"
        "value = 3\n",
        encoding="utf-8",
    )
    (tmp_path / "my_broken_rewards.py").write_text("def (\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "my_grit_rewards"


def test_a_custom_reward_joins_the_rubric_and_may_return_a_number_or_a_score(module):
    config = RewardsConfig(
        custom=(
            CustomRewardConfig(function=f"{module}:short", weight=0.5),
            CustomRewardConfig(function=f"{module}:scored", name="mine"),
            CustomRewardConfig(function=f"{module}:whole"),
        ),
        weights={"mine": 4.0},
    )
    (scored,) = build_rubric(config).score([ROW])
    assert list(scored.components) == ["format", "count", "answer", "short", "mine", "whole"]
    assert scored.components["short"].value == 1.0
    assert scored.components["mine"] == Score(0.25, "why")
    # 0 for the format, 1.1 for the answer, then 0.5 · 1 + 4 · 0.25 + 2.
    assert scored.total == pytest.approx(1.1 + 0.5 + 1.0 + 2.0)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module_of_mine:f", "no_such_module_of_mine"),
        ("my_broken_rewards:f", "SyntaxError"),
        ("my_grit_rewards:nope", "has no 'nope'; it has .*short"),
        ("my_grit_rewards:value", "nothing to call"),
        ("my_grit_rewards:later", "async"),
        ("my_grit_rewards:Cls", "a class"),
        ("my_grit_rewards", "module:function"),
        (":f", "module:function"),
    ],
)
def test_a_custom_reward_that_cannot_be_loaded_says_why(module, target, message):
    with pytest.raises(RewardError, match=message):
        load_reward(target)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", r"reward mine on sample 's1': KeyError: 'colour'"),
        ("nothing", r"reward mine on sample 's1' returned None \(NoneType\); return a Score"),
        ("infinite", r"reward mine on sample 's1': .*finite"),
    ],
)
def test_a_custom_reward_that_breaks_its_protocol_is_named_with_the_sample(
    module, function, message
):
    with pytest.raises(RewardError, match=message):
        load_reward(f"{module}:{function}", name="mine")(ROW)


def test_a_custom_reward_beside_the_working_directory_is_found(tmp_path, monkeypatch):
    (tmp_path / "rewards_beside_cwd.py").write_text("def one(row): return 1\n", encoding="utf-8")
    monkeypatch.setattr("sys.path", ["/nonexistent"])
    monkeypatch.chdir(tmp_path)
    assert load_reward("rewards_beside_cwd:one")(ROW).value == 1.0


def test_custom_names_may_not_clash(module):
    with pytest.raises(ConfigError, match="count"):
        build_rubric(
            RewardsConfig(custom=(CustomRewardConfig(function=f"{module}:short", name="count"),))
        )
    with pytest.raises(ValidationError, match="two custom rewards"):
        RewardsConfig(
            custom=(CustomRewardConfig(function="a:f"), CustomRewardConfig(function="b:f"))
        )


class CountingJudge:
    """Counts what it is asked, and fails on every answer."""

    name = "failing"

    def __init__(self, missing: int = 0) -> None:
        self.asked: list[str | None] = []
        self.missing = missing

    async def judge(self, requests):
        self.asked += [request.prediction for request in requests]
        verdicts = [Verdict.unscored("outage", judge=self.name) for _ in requests]
        return verdicts[self.missing :]


def test_no_judge_is_asked_about_a_missing_answer():
    judge = CountingJudge()
    traces = [trace(text) for text in ("", "<answer>yes</answer>", "<answer>?</answer>")]
    rows = asyncio.run(judge_rows(judge, traces, [SAMPLE] * 3))
    assert judge.asked == ["yes"]
    assert [row.verdict.score for row in rows] == [0.0, None, 0.0]
    scored = asyncio.run(
        judge_and_score(judge, build_rubric(RewardsConfig()), traces, [SAMPLE] * 3)
    )
    assert [row.is_unscored for row in scored] == [False, True, False]


def test_a_judge_that_loses_a_verdict_is_named():
    with pytest.raises(RewardError, match="failing gave 0 verdicts for 1"):
        asyncio.run(judge_rows(CountingJudge(missing=1), [trace("<answer>a")], [SAMPLE]))


def test_traces_and_samples_come_in_pairs():
    with pytest.raises(ValueError, match="zip"):
        asyncio.run(judge_rows(RulesJudge(), [trace("")], []))
