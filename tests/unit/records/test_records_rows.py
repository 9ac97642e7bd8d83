from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from grit.geometry.box import Box, Space
from grit.records.rows import AlarmRow, BoxRow, ComponentRow, FaultRow, StepRow, ValidationRow
from grit.traces.trace import BoxMention, Fault, FaultKind, SegmentKind, Span


def step_row(**changes):
    fields = {
        "step": 3,
        "epoch": 0.5,
        "lr": 2e-6,
        "loss": 0.25,
        "policy_loss": 0.2,
        "kl": 0.01,
        "reward_mean": 1.5,
        "reward_std": 0.5,
        "components": {"format": 1.0, "count": None},
    }
    return StepRow(**(fields | changes))


def refuse_constant(name):
    raise AssertionError(f"{name} is no JSON")


def test_numbers_that_are_not_finite_become_null_in_strict_json():
    row = step_row(loss=math.nan, kl=math.inf, components={"format": -math.inf, "count": 0.5})
    read = json.loads(row.model_dump_json(), parse_constant=refuse_constant)
    assert read["loss"] is None
    assert read["kl"] is None
    assert read["components"] == {"format": None, "count": 0.5}


def test_nan_in_parts_of_a_component_becomes_none():
    assert ComponentRow(value=1.0, weight=1.0, parts={"bleu": math.nan}).parts == {"bleu": None}


def test_a_row_comes_back_equal_from_its_json():
    row = step_row(seconds={"rollout": 1.25, "total": 2.0}, peak_memory_gib=1.5)
    assert StepRow.model_validate_json(row.model_dump_json()) == row


def test_floats_keep_every_bit_through_json():
    for value in (0.1, 1 / 3, 2e-6, 5e-324, 1.7976931348623157e308):
        read = StepRow.model_validate_json(step_row(loss=value).model_dump_json())
        assert read.loss == value


def test_a_row_refuses_a_field_that_it_does_not_know():
    with pytest.raises(ValidationError, match="surprise"):
        AlarmRow(step=1, kind="kl", message="too far", surprise=1)


def test_a_row_cannot_be_changed():
    row = ValidationRow(step=1, n=2, accuracy=0.5)
    with pytest.raises(ValidationError, match="frozen"):
        row.accuracy = 1.0


def test_every_row_says_its_version():
    assert json.loads(AlarmRow(step=1, kind="kl", message="far").model_dump_json())["version"] == 1


def test_a_box_row_keeps_what_was_written_and_where():
    mention = BoxMention(
        raw=Box(14, 28, 56, 84, Space.RESIZED),
        box=Box(10.0, 20.0, 40.0, 60.0),
        span=Span(7, 23),
        label="chair",
        segment=SegmentKind.THINK,
    )
    assert BoxRow.of(mention).model_dump() == {
        "raw": (14.0, 28.0, 56.0, 84.0),
        "space": "resized",
        "pixels": (10.0, 20.0, 40.0, 60.0),
        "start": 7,
        "end": 23,
        "label": "chair",
        "segment": "think",
    }


def test_a_fault_row_keeps_kind_place_and_detail():
    fault = Fault(FaultKind.BOX_INVERTED, Span(3, 9), "right edge before left edge")
    assert FaultRow.of(fault).model_dump() == {
        "kind": "box_inverted",
        "start": 3,
        "end": 9,
        "detail": "right edge before left edge",
    }
