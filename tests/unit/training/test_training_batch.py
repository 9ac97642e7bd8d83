"""How a step is cut: every completion once, never too many at a time."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from grit.rollout.completion import Completion
from grit.rollout.group import Group, Prompt
from grit.training.batch import micro_batches


def group(name, lengths):
    """A group whose prompt is only a name: cutting does not look into prompts."""
    completions = tuple(
        Completion(n, torch.arange(length), "", torch.zeros(length), "finished")
        for n, length in enumerate(lengths)
    )
    return Group(Prompt(sample=None, inputs=name), completions)


shapes = st.lists(
    st.lists(st.integers(1, 30), min_size=2, max_size=6), min_size=1, max_size=6
).flatmap(
    lambda lengths: st.tuples(
        st.just(lengths),
        st.lists(st.booleans(), min_size=sum(map(len, lengths)), max_size=sum(map(len, lengths))),
    )
)


@given(shapes, st.integers(1, 4), st.integers(1, 9))
def test_every_kept_completion_is_run_once_beside_its_own_prompt(shape, at_once, most):
    lengths, keep = shape
    groups = [group(f"prompt {n}", of_group) for n, of_group in enumerate(lengths)]
    owner_of_place = [n for n, of_group in enumerate(lengths) for _ in of_group]
    seen = []
    for micro in micro_batches(groups, groups_at_once=at_once, max_sequences=most, keep=keep):
        assert 1 <= len(micro.prompts) <= at_once
        for part in micro.parts:
            assert 1 <= len(part.places) <= most
            assert len(part.places) == len(part.owners)
            for place, owner in zip(part.places, part.owners, strict=True):
                assert micro.prompts[owner] == f"prompt {owner_of_place[place]}"
            seen += part.places
    assert sorted(seen) == [place for place, kept in enumerate(keep) if kept]


def test_a_group_without_any_kept_completion_leaves_its_prompt_out():
    groups = [group("first", [3, 3]), group("second", [3, 3])]
    (micro,) = micro_batches(
        groups, groups_at_once=4, max_sequences=8, keep=[False, False, True, False]
    )
    assert micro.prompts == ("second",)
    assert [part.places for part in micro.parts] == [(2,)]


def test_parts_are_even_and_hold_completions_of_like_length():
    (micro,) = micro_batches([group("only", [9, 2, 8, 1, 7])], groups_at_once=1, max_sequences=4)
    # Five into parts of at most four: three and two, the short ones together.
    assert [sorted(part.places) for part in micro.parts] == [[1, 3, 4], [0, 2]]


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=40),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.1, 0.25]),
)
def test_no_part_is_padded_by_more_than_its_share(lengths, most, share):
    parts = [
        part
        for micro in micro_batches(
            [group("only", lengths)], groups_at_once=1, max_sequences=most, max_padding=share
        )
        for part in micro.parts
    ]
    assert sorted(place for part in parts for place in part.places) == [*range(len(lengths))]
    padded = [len(part.places) * max(lengths[place] for place in part.places) for part in parts]
    real = [sum(lengths[place] for place in part.places) for part in parts]
    assert all(p - r <= share * p + 1e-9 for p, r in zip(padded, real, strict=True))


def test_padding_of_a_group_of_mixed_lengths_is_counted():
    # Eight lengths as they come out of one prompt.
    lengths = [58, 150, 91, 64, 77, 131, 60, 83]

    def padding(**settings):
        padded = parts = 0
        for micro in micro_batches(
            [group("only", lengths)], groups_at_once=1, max_sequences=64, **settings
        ):
            parts += len(micro.parts)
            for part in micro.parts:
                padded += len(part.places) * max(lengths[place] for place in part.places)
        return parts, 1 - sum(lengths) / padded

    # Together: 714 of 8 · 150. In parts: 150 and 131, 91 to 77, 64 to 58: 714 of 300 + 273 + 192.
    assert padding() == (1, 1 - 714 / 1200)
    assert padding(max_padding=0.1) == (3, 1 - 714 / 765)
    assert padding(max_padding=0.1)[1] < 0.07


def test_nothing_kept_gives_no_micro_batch():
    groups = [group("only", [2, 2])]
    assert not list(micro_batches(groups, groups_at_once=1, max_sequences=2, keep=[False, False]))
