"""What does not fit into memory is halved, and the step stays the same."""

from __future__ import annotations

import pytest
import torch
from one_step import furthest

from grit.config.optimizer import OptimizerConfig
from grit.errors import MemoryLimitError
from grit.training.memory import is_out_of_memory
from grit.training.optimizer import Optimizer

MORE_THAN_THERE_IS = 1 << 60
"""Bytes that no allocator gives: what it raises is the real thing."""


def cramped(bench, most_rows, *, way):
    """Memory for so many rows at once in one layer's perceptron, on the way there or back."""
    perceptron = bench.model.network.model.language_model.layers[0].mlp

    def room_for(states):
        if len(states) > most_rows:
            torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)

    def there(_, given):
        # Rollouts have a bound of their own.
        if torch.is_grad_enabled():
            room_for(given[0])

    if way == "forward":
        perceptron.register_forward_pre_hook(there)
    else:
        perceptron.register_full_backward_hook(lambda _, made, given: room_for(given[0]))
    return bench


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_a_step_that_does_not_fit_is_halved_and_comes_to_the_same(bench, way):
    training = {"micro_batch_groups": 3, "max_padding": 1.0}
    plain = bench(training=training)
    tight = cramped(bench(training=training), 2, way=way)
    first, second = plain.step(), tight.step()
    assert furthest(plain.weights(), dict(plain.start.named_parameters())) > 1e-2
    assert furthest(plain.weights(), tight.weights()) < 1e-5
    assert second.sums == pytest.approx(first.sums, abs=1e-5)
    assert second.grad_norm == pytest.approx(first.grad_norm, rel=1e-5)
    assert first.lowered == []
    assert len(second.lowered) == 2
    groups, sequences = second.lowered
    assert groups.startswith("3 groups, 9 completions at once, did not fit")
    assert "allocate" in groups
    assert "micro_batch_groups is 1" in groups
    assert sequences.startswith("1 groups, 3 completions")
    assert "max_sequences_per_forward 2" in sequences
    # The next step begins with what has proved to fit.
    assert tight.step(2).lowered == []


def test_gradients_of_parts_that_did_fit_are_not_counted_twice(bench):
    together = {"max_padding": 1.0}
    plain, tight = bench(training=together), bench(training=together)
    calls = []

    def third_fails(_, made, given):
        calls.append(len(given[0]))
        if len(calls) == 3:
            torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)

    # With one group at a time each has a backward of its completions and one of its prompt.
    tight.model.network.model.language_model.layers[0].mlp.register_full_backward_hook(third_fails)
    plain.step()
    assert len(tight.step().lowered) == 1
    assert calls[:3] == [3, 1, 3]
    assert furthest(plain.weights(), tight.weights()) < 1e-5


def test_masters_forget_what_a_failed_attempt_has_collected():
    weight = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    optimizer = Optimizer([("weight", weight)], OptimizerConfig(lr=0.1))
    weight.grad = torch.ones_like(weight)
    optimizer.collect()
    weight.grad = torch.ones_like(weight)
    optimizer.forget()
    assert optimizer.step(0.1) == 0.0


def test_when_not_even_one_completion_fits_the_error_says_what_to_lower(bench):
    tight = cramped(bench(training={"micro_batch_groups": 2}), 0, way="backward")
    with pytest.raises(MemoryLimitError, match=r"lower model\.max_pixels or rollout"):
        tight.step()


def test_switched_off_the_allocators_own_error_ends_the_step(bench):
    tight = cramped(bench(training={"adapt_to_memory": False}), 2, way="backward")
    with pytest.raises(RuntimeError, match="allocate"):
        tight.step()


def test_other_errors_are_not_taken_for_a_lack_of_memory(bench):
    ours = bench()

    def breaks(*_):
        raise RuntimeError("expected scalar type Float but found Half")

    ours.model.network.model.language_model.layers[0].mlp.register_full_backward_hook(breaks)
    with pytest.raises(RuntimeError, match="scalar type"):
        ours.step()


def test_failed_allocations_of_every_kind_are_known():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
