"""AdamW on masters: torch's own optimiser as the reference, and weights that move at 2e-6."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from grit.config.optimizer import OptimizerConfig
from grit.training.optimizer import Optimizer, rate_at

NO_CLIP = 1e9


def weights(dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    return {
        name: nn.Parameter(torch.randn(shape, generator=generator).to(dtype))
        for name, shape in {"matrix": (3, 4), "bias": (4,), "deep": (2, 2, 2)}.items()
    }


def gradients(step, dtype=torch.float32):
    generator = torch.Generator().manual_seed(100 + step)
    return {
        name: torch.randn(weight.shape, generator=generator).to(dtype)
        for name, weight in weights().items()
    }


def make_step(optimizer, named, step, rate):
    for name, gradient in gradients(step, next(iter(named.values())).dtype).items():
        named[name].grad = gradient
    optimizer.collect()
    return optimizer.step(rate)


def test_float32_weights_take_the_same_bits_as_with_torchs_adamw():
    config = OptimizerConfig(
        lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, max_grad_norm=NO_CLIP
    )
    ours, theirs = weights(), weights()
    optimizer = Optimizer(ours.items(), config)
    # Biases (and norms) are not decayed.
    reference = torch.optim.AdamW(
        [
            {"params": [theirs["matrix"], theirs["deep"]], "weight_decay": 0.1},
            {"params": [theirs["bias"]], "weight_decay": 0.0},
        ],
        betas=(0.8, 0.95),
        eps=1e-6,
    )
    for step, rate in enumerate([1e-2, 5e-3, 1e-3]):
        make_step(optimizer, ours, step, rate)
        for name, gradient in gradients(step).items():
            theirs[name].grad = gradient
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def test_the_norm_is_that_of_all_gradients_together_and_bounds_the_step():
    named = {"a": nn.Parameter(torch.zeros(1)), "b": nn.Parameter(torch.zeros(1))}
    # A large eps makes AdamW's first step lr * gradient / (|gradient| + eps), almost linear.
    optimizer = Optimizer(named.items(), OptimizerConfig(eps=1e6, max_grad_norm=1.0))
    named["a"].grad, named["b"].grad = torch.tensor([3.0]), torch.tensor([-4.0])
    optimizer.collect()
    assert optimizer.step(1e6) == pytest.approx(5.0)
    assert named["a"].item() == pytest.approx(-3.0 / 5, rel=1e-4)
    assert named["b"].item() == pytest.approx(4.0 / 5, rel=1e-4)
    assert named["a"].grad is None


def test_gradients_of_micro_batches_add_up_in_float32():
    named = {"w": nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))}
    optimizer = Optimizer(named.items(), OptimizerConfig(max_grad_norm=NO_CLIP))
    for _ in range(2):
        # 1 + 2**-7 is the next number after 1 in bfloat16: their sum there would be 2 + 2**-6.
        named["w"].grad = torch.tensor([1.0 + 2**-7], dtype=torch.bfloat16)
        optimizer.collect()
        assert named["w"].grad is None
    named["w"].grad = torch.tensor([2.0**-7], dtype=torch.bfloat16)
    optimizer.collect()
    # In bfloat16, 2.015625 + 0.0078125 would round back to 2.015625 (ties to even).
    assert optimizer.step(0.0) == pytest.approx(2.0 + 2**-6 + 2**-7, abs=1e-7)


def constant_pull(master_weights, steps):
    """One bfloat16 weight at 1/64, pulled down by the same gradient at the paper's rate."""
    weight = nn.Parameter(torch.tensor([2.0**-6], dtype=torch.bfloat16))
    optimizer = Optimizer([("w", weight)], OptimizerConfig(master_weights=master_weights))
    for _ in range(steps):
        weight.grad = torch.tensor([0.5], dtype=torch.bfloat16)
        optimizer.collect()
        optimizer.step(2e-6)
    return weight.item(), optimizer.state()


def test_at_2e_6_masters_move_at_once_and_bfloat16_weights_once_it_adds_up():
    # The neighbour below 2**-6 is 2**-14 away; half of that, 3.05e-5, takes 16 steps of 2e-6.
    weight, state = constant_pull(True, steps=15)
    assert weight == 2.0**-6
    assert state["master:w"].item() == pytest.approx(2.0**-6 - 15 * 2e-6, abs=1e-7)
    weight, _ = constant_pull(True, steps=16)
    assert weight == 2.0**-6 - 2.0**-14


def test_at_2e_6_bfloat16_weights_without_masters_never_move():
    weight, state = constant_pull(False, steps=100)
    assert weight == 2.0**-6
    assert not any(key.startswith("master:") for key in state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing(dtype, poison):
    named = weights(dtype)
    optimizer = Optimizer(named.items(), OptimizerConfig(lr=0.1))
    make_step(optimizer, named, 1, 0.1)
    before = {name: weight.detach().clone() for name, weight in named.items()}
    state = {key: tensor.clone() for key, tensor in optimizer.state().items()}
    for name, gradient in gradients(2, dtype).items():
        named[name].grad = gradient
    named["bias"].grad[0] = poison
    optimizer.collect()
    assert not math.isfinite(optimizer.step(0.1))
    assert all(torch.equal(named[name], before[name]) for name in named)
    assert all(torch.equal(tensor, state[key]) for key, tensor in optimizer.state().items())
    assert all(weight.grad is None for weight in named.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_state_goes_through_a_file_and_the_next_steps_have_the_same_bits(tmp_path, dtype):
    config = OptimizerConfig(lr=0.05, weight_decay=0.01)
    first = weights(dtype)
    optimizer = Optimizer(first.items(), config)
    for step in range(3):
        make_step(optimizer, first, step, 0.05)
    save_file(optimizer.state(), tmp_path / "optimizer.safetensors")
    second = {name: nn.Parameter(weight.detach().clone()) for name, weight in first.items()}
    resumed = Optimizer(second.items(), config)
    resumed.load_state(load_file(tmp_path / "optimizer.safetensors"))
    for step in range(3, 6):
        make_step(optimizer, first, step, 0.05)
        make_step(resumed, second, step, 0.05)
    for name in first:
        assert torch.equal(first[name], second[name]), name
    for key, tensor in optimizer.state().items():
        assert torch.equal(tensor, resumed.state()[key]), key


def test_masters_bring_back_what_rounding_hides_from_the_weights(tmp_path):
    # The weights of a checkpoint are rounded; only its masters know how far they had come.
    _, state = constant_pull(True, steps=15)
    weight = nn.Parameter(torch.tensor([2.0**-6], dtype=torch.bfloat16))
    optimizer = Optimizer([("w", weight)], OptimizerConfig())
    optimizer.load_state(state)
    weight.grad = torch.tensor([0.5], dtype=torch.bfloat16)
    optimizer.collect()
    optimizer.step(2e-6)
    assert weight.item() == 2.0**-6 - 2.0**-14


def test_state_of_other_weights_is_refused():
    optimizer = Optimizer(weights().items(), OptimizerConfig())
    with pytest.raises(KeyError, match="stranger"):
        optimizer.load_state({"exp_avg:stranger": torch.zeros(1)})


def test_an_optimizer_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to train"):
        Optimizer([], OptimizerConfig())


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, 0.5),
        (2, 1.0),  # warm-up ends at the full rate
        (3, 1.0),
        (7, 0.1 + 0.9 * 0.5),  # half of the way down: cos(90 degrees) = 0
        (10, 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 7 / 8))),
        (11, 0.1),  # where the last step leads to
    ],
)
def test_warm_up_and_cosine_go_by_hand(step, expected):
    config = OptimizerConfig(lr=3.0, warmup_steps=2, schedule="cosine", min_lr_ratio=0.1)
    assert rate_at(step, 10, config) == pytest.approx(3.0 * expected)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [2.0, 2.0, 2.0, 2.0]),
        ("linear", [2.0, 1.5, 1.0, 0.5]),
        ("cosine", [2.0, 1 + math.cos(math.pi / 4), 1.0, 1 - math.cos(math.pi / 4)]),
    ],
)
def test_schedules_without_warm_up_start_at_the_full_rate(schedule, expected):
    config = OptimizerConfig(lr=2.0, schedule=schedule)
    assert [rate_at(step, 4, config) for step in range(1, 5)] == pytest.approx(expected)


def test_a_warm_up_ratio_is_of_all_steps():
    config = OptimizerConfig(lr=1.0, warmup_ratio=0.4, schedule="constant")
    found = [rate_at(step, 10, config) for step in range(1, 7)]
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
