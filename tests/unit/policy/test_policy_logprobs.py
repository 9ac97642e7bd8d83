"""Log-probabilities in chunks against torch's own log_softmax in float64."""

from __future__ import annotations

import pytest
import torch

from grit.policy import logprobs
from grit.policy.logprobs import token_logprobs

VOCABULARY, CHANNELS, TOKENS = 50, 8, 11


@pytest.fixture
def numbers():
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(TOKENS, CHANNELS, generator=generator, requires_grad=True)
    weight = torch.randn(VOCABULARY, CHANNELS, generator=generator, requires_grad=True)
    tokens = torch.randint(VOCABULARY, (TOKENS,), generator=generator)
    return hidden, weight, tokens


def expected(hidden, weight, tokens, temperature):
    logits = hidden.double() @ weight.double().T / temperature
    return logits.log_softmax(-1)[torch.arange(len(tokens)), tokens]


@pytest.mark.parametrize("rows_at_once", [1, 4, 1000])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_do_not_depend_on_the_chunks(
    numbers, monkeypatch, rows_at_once, temperature
):
    monkeypatch.setattr(logprobs, "_CHUNK_ELEMENTS", rows_at_once * VOCABULARY)
    hidden, weight, tokens = numbers
    ours = token_logprobs(hidden, weight, tokens, temperature=temperature)
    right = expected(hidden, weight, tokens, temperature)
    torch.testing.assert_close(ours.double(), right, atol=1e-5, rtol=0)
    pull = torch.linspace(-1, 1, TOKENS, dtype=torch.float64)
    found = torch.autograd.grad((ours.double() * pull).sum(), (hidden, weight))
    for grad, want in zip(
        found, torch.autograd.grad((right * pull).sum(), (hidden, weight)), strict=True
    ):
        torch.testing.assert_close(grad, want, atol=1e-5, rtol=1e-5)


def test_no_more_logits_than_a_chunk_are_made_at_once(numbers, monkeypatch):
    sizes = []
    linear = torch.nn.functional.linear

    def measured(*inputs):
        sizes.append(linear(*inputs).shape[0])
        return linear(*inputs)

    monkeypatch.setattr(logprobs, "_CHUNK_ELEMENTS", 4 * VOCABULARY + 1)
    monkeypatch.setattr(torch.nn.functional, "linear", measured)
    with torch.no_grad():
        token_logprobs(*numbers)
    assert sizes == [4, 4, 3]


def test_no_logits_are_kept_for_the_way_back(numbers):
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        token_logprobs(*numbers)
    assert max(kept, default=0) < TOKENS * VOCABULARY


def test_a_vocabulary_larger_than_a_chunk_goes_row_by_row(numbers, monkeypatch):
    monkeypatch.setattr(logprobs, "_CHUNK_ELEMENTS", VOCABULARY // 2)
    hidden, weight, tokens = numbers
    with torch.no_grad():
        ours = token_logprobs(hidden, weight, tokens)
    torch.testing.assert_close(ours.double(), expected(*numbers, 1.0), atol=1e-5, rtol=0)


def test_no_tokens_give_no_logprobs():
    assert token_logprobs(torch.zeros(0, 3), torch.zeros(5, 3), torch.zeros(0).long()).shape == (0,)


def test_low_precision_states_give_float32_logprobs(numbers):
    hidden, weight, tokens = numbers
    ours = token_logprobs(hidden.bfloat16(), weight.bfloat16(), tokens)
    assert ours.dtype is torch.float32


def test_logits_that_would_overflow_give_finite_logprobs(numbers):
    hidden, weight, tokens = numbers
    with torch.no_grad():
        ours = token_logprobs(1e3 * hidden, weight, tokens)
        right = expected(1e3 * hidden, weight, tokens, 1.0)
    torch.testing.assert_close(ours.double(), right, atol=0, rtol=1e-4)
