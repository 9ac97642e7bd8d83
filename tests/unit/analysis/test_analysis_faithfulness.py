"""Faithfulness: constructed models of which it is known what they look at."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from constructed import SURE, UNLIKELY, Blind, Oracle, Reader
from PIL import Image

from grit.analysis.effects import faithfulness_figures, largest_effects
from grit.analysis.faithfulness import INTERVENTIONS, examine, reasons_against
from grit.analysis.interventions import Case, grounded_start, intervene
from grit.analysis.pictures import blanked, kept_only
from grit.data.builtin import held_out_samples
from grit.data.pictures import open_picture
from grit.data.sample import Sample
from grit.data.scenes.generate import Part
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame
from grit.traces.parse import parse_trace
from grit.traces.write import write_chain

GROUND = (244, 242, 236)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Counting chains that point at every thing that is counted, at least one."""
    folder = tmp_path_factory.mktemp("scenes")
    samples = held_out_samples(Part.TEST, folder, tasks=("counting",), num_per_task=40)
    frame = Frame((336, 336))
    return [
        Case(
            sample,
            open_picture(sample.image),
            frame,
            write_chain([(box, None) for box in sample.boxes], frame, "so", sample.answer),
        )
        for sample in samples
        if sample.boxes
    ]


def figures_of(cases, reasoner):
    rows = [row for part in examine(cases, reasoner, model="m", batch_size=7) for row in part]
    assert [row.sample_id for row in rows] == [case.sample.id for case in cases]
    (figure,) = faithfulness_figures(rows)
    return figure, rows


def test_a_model_that_ignores_its_boxes_rests_on_none_of_them(cases):
    figure, _ = figures_of(cases, Blind())
    assert figure.repeats_itself == 1.0
    for effect in figure.effects:
        assert effect.flips == 0.0
        assert effect.drop == pytest.approx(0.0)


def test_an_oracle_that_looks_where_it_points_rests_on_its_boxes_alone(cases):
    figure, _ = figures_of(cases, Oracle(GROUND))
    assert figure.effect("blank_cited").flips == 1.0
    assert figure.effect("blank_cited").drop == pytest.approx(SURE - UNLIKELY)
    assert figure.effect("blank_elsewhere").flips < 0.1
    assert figure.effect("keep_cited").flips == 0.0
    assert figure.effect("random_coordinates").flips > 0.8
    assert figure.effect("no_boxes").flips == 1.0
    assert figure.effect("necessity").flips > 0.9
    assert figure.effect("necessity").flips_interval[0] > 0.8


def test_a_model_that_only_reads_its_chain_is_told_from_one_that_looks(cases):
    figure, _ = figures_of(cases, Reader())
    flips = {effect.name: effect.flips for effect in figure.effects}
    assert flips.pop("no_boxes") == 1.0
    assert set(flips.values()) == {0.0}


def test_necessity_is_the_difference_of_both_ways_of_blanking(cases):
    figure, rows = figures_of(cases, Oracle(GROUND))
    own = [row.outcome("unchanged").logprob - row.outcome("blank_cited").logprob for row in rows]
    other = [
        row.outcome("unchanged").logprob - row.outcome("blank_elsewhere").logprob for row in rows
    ]
    assert figure.effect("necessity").drop == pytest.approx(np.mean(own) - np.mean(other))
    assert len(largest_effects(rows, 3)) == 3


def painted(*boxes):
    """A picture of three colours; most of it is the ground."""
    picture = Image.new("RGB", (100, 80), GROUND)
    for box, colour in boxes:
        picture.paste(colour, box)
    return picture


def test_blanking_fills_boxes_with_the_median_colour_and_nothing_else():
    picture = painted(((10, 10, 30, 30), (200, 0, 0)), ((60, 40, 80, 60), (0, 0, 200)))
    found = blanked(picture, [Box(9.5, 10, 29.2, 30)])
    assert found.tobytes() == painted(((60, 40, 80, 60), (0, 0, 200))).tobytes()


def test_keeping_fills_everything_else():
    picture = painted(((10, 10, 30, 30), (200, 0, 0)), ((60, 40, 80, 60), (0, 0, 200)))
    found = kept_only(picture, [Box(10, 10, 30, 30)])
    assert found.tobytes() == painted(((10, 10, 30, 30), (200, 0, 0))).tobytes()


CHAIN = (
    '<think> {"bbox_2d": [10, 20, 30, 40], "label": "a"} and [10, 20, 30, 40] </think> '
    "<rethink> hm </rethink> <answer> 2 </answer>"
)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (CHAIN, CHAIN[: CHAIN.index(" <rethink>")]),
        ("<think> x </think> <rethink> [1, 2, 3, 4] </rethink> <answer> 1", None),
        (
            '{"bbox_2d": [1, 2, 3, 4], "label": "a"} so two',
            '{"bbox_2d": [1, 2, 3, 4], "label": "a"}',
        ),
        ("<think> [1, 2, 3, 4] and no end", "<think> [1, 2, 3, 4] and no end"),
    ],
)
def test_the_model_goes_on_after_the_last_part_that_points(text, start):
    found = grounded_start(parse_trace(text, Frame((100, 80))))
    assert found == (text[: text.index(" <answer>")] if start is None else start)


def test_a_chain_without_a_box_has_no_such_part():
    assert grounded_start(parse_trace("<think> [box] </think>", Frame((100, 80)))) is None


def case_of(text, frame):
    sample = Sample("s", __file__, "?", "2", "t", image_size=frame.image_size)
    return Case(sample, painted(), frame, text)


def test_swapped_coordinates_are_the_same_wherever_the_box_is_mentioned_and_in_its_space():
    frame = Frame((100, 80), Space.THOUSAND)
    case = case_of(CHAIN, frame)
    turn, regions, _ = intervene(case, "random_coordinates", Random(1))
    before, after = parse_trace(CHAIN, frame), parse_trace(turn.start, frame)
    assert [m.label for m in after.mentions] == ["a", None]
    assert after.mentions[0].raw == after.mentions[1].raw != before.mentions[0].raw
    # The box is 2 by 1.6 pixels; written in thousandths, it is off by half of one at most.
    (region,) = regions
    for ours, written in zip(region.as_tuple(), after.mentions[0].box.as_tuple(), strict=True):
        assert ours == pytest.approx(written, abs=0.051)
    assert region.width == pytest.approx(2.0)


def test_without_boxes_the_words_stay():
    turn, _, _ = intervene(case_of(CHAIN, Frame((100, 80))), "no_boxes", Random(1))
    assert turn.start == '<think> {"bbox_2d": , "label": "a"} and  </think>'


def test_only_the_picture_changes_where_regions_are_blanked():
    case = case_of(CHAIN, Frame((100, 80)))
    for kind in INTERVENTIONS[1:4]:
        turn, regions, _ = intervene(case, kind, Random(1))
        assert CHAIN.startswith(turn.start)
        assert len(regions) == 1
    with pytest.raises(ValueError, match="no box"):
        intervene(case_of("<answer> 2", Frame((100, 80))), "blank_cited", Random(1))


def test_chains_without_a_box_or_an_answer_are_left_out_with_the_reason():
    frame = Frame((100, 80))
    assert (
        reasons_against(case_of("<think> no </think> <answer> 2", frame)) == "no box in the chain"
    )
    assert reasons_against(case_of("<think> [1, 2, 3, 4] </think>", frame)) == "no answer"
    assert reasons_against(case_of(CHAIN, frame)) is None


def test_answers_that_are_boxes_are_the_same_from_an_overlap_of_half():
    from grit.analysis.faithfulness import same_answer

    frame = Frame((100, 80))
    one, near, far = (parse_trace(f"<answer> [0, 0, {width}, 10]", frame) for width in (10, 15, 25))
    assert same_answer(one, near)
    assert not same_answer(one, far)
    assert math.isclose(SURE, -0.01005, abs_tol=1e-4)
