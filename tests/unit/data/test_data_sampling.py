from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.data.sample import Sample
from grit.data.sampling import Draw, drawn, even_counts, simple, training_mix
from grit.errors import DataError


def counting(number, count):
    return Sample(f"t{number}", Path("a.jpg"), "How many?", str(count), "tallyqa", count=count)


def relation(number):
    return Sample(f"v{number}", Path("a.jpg"), "Is it?", "Yes", "vsr")


COUNTING = [counting(number, number % 12) for number in range(1200)]
RELATIONS = [relation(number) for number in range(600)]


def test_the_papers_test_part_of_tallyqa_is_491_evenly_over_zero_to_nine():
    taken = drawn(COUNTING, "tallyqa", Draw(paper=True))
    counts = Counter(sample.count for sample in taken)
    # 491 = 10 · 49 + 1; what is left over goes to the lowest count.
    assert counts == {0: 50} | dict.fromkeys(range(1, 10), 49)
    assert [s.id for s in taken] == [s.id for s in COUNTING if s in taken]


@pytest.mark.parametrize("num", [20, 500])
def test_the_training_mix_is_half_vsr_and_half_counts_zero_to_four_evenly(num):
    taken = training_mix(COUNTING + RELATIONS, num, seed=0)
    assert Counter(s.dataset for s in taken) == {"vsr": num // 2, "tallyqa": num // 2}
    counts = Counter(s.count for s in taken if s.dataset == "tallyqa")
    assert counts == dict.fromkeys(range(5), num // 10)


def test_a_smaller_mix_is_part_of_a_larger_one():
    samples = COUNTING + RELATIONS
    small, large = ({s.id for s in training_mix(samples, n, seed=3)} for n in (20, 500))
    assert small < large


@settings(max_examples=25)
@given(st.permutations(range(60)), st.integers(0, 60))
def test_what_is_drawn_does_not_depend_on_the_order_of_the_file(order, num):
    shuffled = [RELATIONS[place] for place in order]
    assert {s.id for s in simple(shuffled, num, seed=1)} == {
        s.id for s in simple(RELATIONS[:60], num, seed=1)
    }


def test_another_seed_draws_others_and_each_sample_is_as_likely():
    drawn_ids = Counter(
        sample.id for seed in range(400) for sample in simple(RELATIONS[:20], 5, seed=seed)
    )
    # 400 draws of 5 of 20: 100 each, with a deviation of √(400·¼·¾) = 8.7.
    assert len(drawn_ids) == 20
    assert all(60 < number < 140 for number in drawn_ids.values())


def test_too_few_of_a_count_say_which_and_how_many_there_are():
    with pytest.raises(DataError, match=r"need 101 with the count 0, and there are 100"):
        even_counts(COUNTING, 1001, counts=range(10), seed=0)
    with pytest.raises(DataError, match="a mix of 21 has no halves"):
        training_mix(COUNTING, 21, seed=0)
    with pytest.raises(DataError, match=r"needs 10 samples of vsr, and there are 0"):
        training_mix(COUNTING, 20, seed=0)
    with pytest.raises(DataError, match="601 samples were asked for, and there are 600"):
        simple(RELATIONS, 601, seed=0)


def test_counts_without_a_number_keep_all_of_these_counts():
    taken = drawn(COUNTING, "tallyqa", Draw(counts=(11,)))
    assert {s.count for s in taken} == {11}
    assert len(taken) == 100
