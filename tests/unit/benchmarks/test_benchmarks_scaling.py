"""The sums of docs/scaling.md: page and script agree, and the sums are those done by hand."""

from __future__ import annotations

import pytest
import scaling


@pytest.fixture(scope="module")
def on_h200():
    scenario = scaling.SCENARIOS[1]
    return scenario, *scaling.plan_of(scenario, completion_tokens=scaling.COMPLETION_TOKENS)


def test_the_page_holds_the_tables_that_the_script_prints():
    page = scaling.PAGE.read_text(encoding="utf-8")
    assert scaling.filled(page, scaling.tables()) == page, (
        "docs/scaling.md is out of date; run benchmarks/scaling.py --update"
    )


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(SystemExit, match=r"no place for the table use: <!-- use: printed"):
        scaling.filled("a page", {"use": "| a |"})


def test_decoding_moves_the_weights_once_and_the_cache_nineteen_times_a_token(on_h200):
    scenario, recipe, plan = on_h200
    # By hand: 3.0855 G decoder weights of 2 bytes, and 128 completions over 384 prompt tokens and
    # half of 200, with 36 layers of 2 key heads of 128 channels, keys and values, 2 bytes each.
    weights = 2 * 3.0855e9
    cache = 128 * (384 + 100) * 36 * 2 * 128 * 2 * 2
    token = (weights + 19 * cache) / (0.5 * 4.8e12)
    assert scaling.decoding(scenario, recipe, plan) == pytest.approx(
        400 * max(token, 0.025), rel=1e-3
    )


def test_a_repeated_prompt_costs_its_operations_once_a_completion(on_h200):
    _, recipe, plan = on_h200
    once, prefill = scaling.works(recipe, plan, repeated=False)
    four_times, repeated_prefill = scaling.works(recipe, plan, repeated=True)
    assert repeated_prefill == pytest.approx(4 * prefill)
    assert four_times.prompt_tokens == 4 * once.prompt_tokens == 4 * 32 * 384
    assert once.total == pytest.approx(plan.work.total)
    # Only prompts are repeated: what completions cost is the same in both.
    assert four_times.rollout - once.rollout == pytest.approx(3 * prefill)
    # By hand: 2 operations a weight and token of the decoder without its embedding, and the tower
    # over 1024 patches; attention adds less than a tenth.
    by_hand = 32 * (384 * 2 * (3.7546e9 - 0.6690e9 - 0.3112e9) + 1024 * 2 * 0.669e9)
    assert prefill == pytest.approx(by_hand, rel=0.1)


def test_sharding_leaves_each_card_its_part_of_gradients_and_optimiser():
    alone, sharded = scaling.SCENARIOS[1], scaling.SCENARIOS[4]
    _, plan = scaling.plan_of(alone, completion_tokens=None)
    training = plan.phases.training
    rest = training.total - training.optimizer - training.gradients
    by_hand = (rest + (training.optimizer + training.gradients) / 8) / 2**30
    assert scaling.gib_a_card(sharded) >= by_hand * 0.999
    assert scaling.gib_a_card(sharded) < scaling.gib_a_card(alone)
