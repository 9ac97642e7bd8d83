"""Worked chains: what they say is what the triplet says, in the space of the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from grit.data.sample import Sample
from grit.errors import DataError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame
from grit.prompts.worked import worked_chain
from grit.traces.parse import parse_trace
from grit.traces.tags import check_pairs

FRAME = Frame((400, 200), Space.THOUSAND)


def sample(answer="2", boxes=((40, 20, 80, 60), (200, 100, 400, 200)), dataset="counting", **extra):
    given = None if boxes is None else tuple(Box(*edges) for edges in boxes)
    return Sample("s", Path("p.png"), "How many?", answer, dataset, (400, 200), given, extra=extra)


def test_boxes_are_written_in_the_models_space_and_read_back():
    text = worked_chain(sample(), FRAME)
    # 40 of 400 is 100 of 1000; 20 of 200 is 100 of 1000.
    assert '{"bbox_2d": [100, 100, 200, 300]}, {"bbox_2d": [500, 500, 1000, 1000]}' in text
    trace = parse_trace(text, FRAME)
    assert [box.as_tuple() for box in trace.boxes] == [(40, 20, 80, 60), (200, 100, 400, 200)]
    assert (trace.answer, trace.faults) == ("2", ())
    assert check_pairs(text).think
    assert check_pairs(text).rethink


@pytest.mark.parametrize("boxes", [None, ()])
def test_without_boxes_there_is_a_chain_without(boxes):
    assert parse_trace(worked_chain(sample(boxes=boxes), FRAME), FRAME).mentions == ()


def test_boxes_can_be_left_out():
    text = worked_chain(sample(), FRAME, with_boxes=False)
    assert text == "<think> </think> <rethink> the answer is 2 </rethink> <answer> 2 </answer>"


def test_names_of_the_things_stand_with_their_boxes():
    trace = parse_trace(worked_chain(sample(objects=["dog", "cat"]), FRAME), FRAME)
    assert [mention.label for mention in trace.mentions] == ["dog", "cat"]
    for wrong in (["dog"], "dog", [1, 2]):
        trace = parse_trace(worked_chain(sample(objects=wrong), FRAME), FRAME)
        assert [mention.label for mention in trace.mentions] == [None, None]


def test_where_a_box_is_asked_for_it_is_the_answer_in_the_models_space():
    asked = sample("[40, 20, 80, 60]", boxes=((40, 20, 80, 60),), dataset="locate")
    trace = parse_trace(worked_chain(asked, FRAME), FRAME)
    assert [box.as_tuple() for box in trace.answer_boxes] == [(40, 20, 80, 60)]


def test_an_answer_with_a_tag_is_refused_with_its_sample():
    with pytest.raises(DataError, match=r"sample s: .*<think>"):
        worked_chain(sample("<think> 2"), FRAME)
