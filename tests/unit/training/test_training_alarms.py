"""Alarms: each kind once, at its own limit, across a resumed run too."""

from __future__ import annotations

import pytest

from grit.config.training import AlarmConfig
from grit.records.rows import StepRow
from grit.training.alarms import Alarms

QUIET = {
    "zero_variance_share": 0.1,
    "duplicate_share": 0.1,
    "cut_off_share": 0.1,
    "unscored_share": 0.0,
    "kl": 0.01,
}
LOUD = {
    "zero_variance": ("zero_variance_share", 0.8, 0.79),
    "duplicates": ("duplicate_share", 0.5, 0.49),
    "cut_off": ("cut_off_share", 0.3, 0.29),
    "unscored": ("unscored_share", 0.05, 0.04),
}


def row(step=1, **figures):
    fixed = {"epoch": 1.0, "lr": 1e-6, "loss": 0.0, "policy_loss": 0.0}
    earned = {"reward_mean": 1.0, "reward_std": 0.5, "components": {}}
    return StepRow(step=step, **fixed, **earned, **{**QUIET, **figures})


@pytest.mark.parametrize("kind", LOUD)
def test_each_share_sounds_from_its_limit_on_and_says_what_to_do(kind):
    field, limit, below = LOUD[kind]
    alarms = Alarms(AlarmConfig())
    assert alarms.check(row(1, **{field: below})) == []
    (alarm,) = alarms.check(row(2, **{field: limit}))
    assert (alarm.step, alarm.kind, alarm.value) == (2, kind, limit)
    assert f"{limit:.0%}" in alarm.message
    assert ": " in alarm.message, "no advice"


def test_a_kl_above_its_limit_sounds():
    (alarm,) = Alarms(AlarmConfig()).check(row(kl=1.01))
    assert alarm.kind == "kl"
    assert alarm.value == 1.01


@pytest.mark.parametrize("kl", [1.0, 0.0, None])
def test_a_kl_in_range_or_none_is_quiet(kl):
    assert Alarms(AlarmConfig()).check(row(kl=kl)) == []


def test_each_kind_sounds_once():
    alarms = Alarms(AlarmConfig())
    loud = {field: limit for field, limit, _ in LOUD.values()} | {"kl": 5.0}
    first = alarms.check(row(1, **loud))
    assert [alarm.kind for alarm in first] == [*LOUD, "kl"]
    assert alarms.check(row(2, **loud)) == []


def test_a_resumed_run_is_not_told_again():
    alarms = Alarms(AlarmConfig(), sounded=["kl"])
    assert [a.kind for a in alarms.check(row(kl=5.0, cut_off_share=1.0))] == ["cut_off"]


def test_limits_are_the_recipes():
    alarms = Alarms(AlarmConfig(cut_off_rate=0.05, kl=10.0))
    assert [a.kind for a in alarms.check(row(cut_off_share=0.06, kl=5.0))] == ["cut_off"]


def test_a_figure_that_could_not_be_measured_is_quiet():
    assert Alarms(AlarmConfig()).check(row(duplicate_share=None, unscored_share=None)) == []
