"""Asking: each sample once, rows as they come, nothing that depends on the batch."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from canned import CannedEngine, chain, prompt, sample

from grit.evaluation.evaluate import evaluate
from grit.judges.rules import RulesJudge
from grit.models.family import PixelLimits
from grit.prompts.question import Mode

MODEL = SimpleNamespace(limits=PixelLimits(100, 900))


def asked(number, batch_size, **settings):
    samples = [sample(str(n), sample_id=f"s-{n}") for n in range(number)]
    engine = CannedEngine({s.id: chain((n, 0, 50, 50), answer="3") for n, s in enumerate(samples)})
    rows = evaluate(
        engine,
        MODEL,
        RulesJudge(),
        [prompt(s) for s in samples],
        label="base",
        mode=Mode.COT,
        batch_size=batch_size,
        threshold=0.5,
        **settings,
    )
    return engine, rows


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (64, [5])])
def test_each_sample_is_asked_once_in_batches(batch_size, sizes):
    engine, rows = asked(5, batch_size)
    assert [r.sample_id for r in rows] == [f"s-{n}" for n in range(5)]
    assert [len(call) for call in engine.calls] == sizes
    assert [sample_id for call in engine.calls for sample_id in call] == [
        f"s-{n}" for n in range(5)
    ]


def test_rows_do_not_depend_on_the_batch():
    assert list(asked(5, 2)[1]) == list(asked(5, 64)[1])


def test_rows_come_batch_by_batch_so_that_they_can_be_kept():
    told = []
    engine, rows = asked(5, 2, on_rows=told.append)
    next(rows)
    assert len(engine.calls) == 1
    list(rows)
    assert told == [2, 2, 1]


def test_rows_carry_the_label_mode_step_and_limits():
    (row,) = asked(1, 1, step=8)[1]
    assert (row.model, row.mode, row.step) == ("base", "cot", 8)
    assert (row.min_pixels, row.max_pixels) == (100, 900)
