"""AdamW on float32 master weights, its schedule, and its state without pickle."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from grit.config.optimizer import OptimizerConfig

__all__ = ["Optimizer", "rate_at"]


def rate_at(step: int, steps: int, config: OptimizerConfig) -> float:
    """Learning rate of a step; steps count from 1.

    Warm-up rises linearly and reaches ``lr`` at its last step; the schedule ends at
    ``lr * min_lr_ratio`` after the last step.
    """
    warmup = config.warmup(steps)
    if step <= warmup:
        return config.lr * step / warmup
    progress = (step - 1 - warmup) / max(1, steps - warmup)
    match config.schedule:
        case "constant":
            shape = 1.0
        case "linear":
            shape = 1.0 - progress
        case "cosine":
            shape = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.lr * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * shape)


class Optimizer:
    """Moves the trainable weights of a network.

    At a rate of 2e-6 a step is smaller than what bfloat16 can tell apart, so 16-bit weights have
    float32 masters: gradients are summed and applied there, and the result is rounded back.

    Args:
        named: Trainable weights by name, in the network's own order.
        config: Rates, decay and clipping.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], config: OptimizerConfig) -> None:
        self._config = config
        self._weights = dict(named)
        if not self._weights:
            raise ValueError("there is nothing to train: every weight is frozen")
        self._masters = {
            name: _master(weight) if config.master_weights else weight
            for name, weight in self._weights.items()
        }
        decayed = [w for w in self._masters.values() if w.ndim >= 2]
        others = [w for w in self._masters.values() if w.ndim < 2]
        self._adamw = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=config.lr,
            betas=config.betas,
            eps=config.eps,
        )

    @property
    def masters(self) -> list[nn.Parameter]:
        """What gradients are summed in, in the network's order."""
        return list(self._masters.values())

    def collect(self) -> None:
        """Add the network's gradients to those of the masters, in float32, and clear them."""
        for name, weight in self._weights.items():
            master = self._masters[name]
            if master is weight or weight.grad is None:
                continue
            gradient = weight.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            weight.grad = None

    def forget(self) -> None:
        """Drop all gradients since the last step, collected or not."""
        for weight in (*self._weights.values(), *self._masters.values()):
            weight.grad = None

    def step(self, rate: float) -> float:
        """Clip, move and round back; gradients are cleared.

        Returns:
            The norm of the gradients before clipping. When it is not finite, nothing moves.
        """
        norm = float(nn.utils.clip_grad_norm_(self.masters, self._config.max_grad_norm))
        if math.isfinite(norm):
            for group in self._adamw.param_groups:
                group["lr"] = rate
            self._adamw.step()
            with torch.no_grad():
                for name, weight in self._weights.items():
                    if self._masters[name] is not weight:
                        weight.copy_(self._masters[name])
        self._adamw.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, Tensor]:
        """Moments, step counts and masters as plain tensors, for safetensors."""
        tensors: dict[str, Tensor] = {}
        for name, master in self._masters.items():
            for key, value in self._adamw.state.get(master, {}).items():
                tensors[f"{key}:{name}"] = value.detach().contiguous()
            if master is not self._weights[name]:
                tensors[f"master:{name}"] = master.detach().contiguous()
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take back what ``state`` gave, weights included where they have masters.

        Raises:
            KeyError: If the tensors belong to another set of weights.
        """
        unknown = {key.split(":", 1)[1] for key in tensors} - set(self._masters)
        if unknown:
            raise KeyError(f"optimiser state of unknown weights: {sorted(unknown)[:3]}")
        with torch.no_grad():
            for name, master in self._masters.items():
                if master is not self._weights[name]:
                    master.copy_(tensors[f"master:{name}"])
                    self._weights[name].copy_(master)
                # Read to the CPU: AdamW keeps its step count there, moments with the weights.
                moments = {
                    key: tensors[f"{key}:{name}"].to(
                        "cpu" if key == "step" else master.device, copy=True
                    )
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"{key}:{name}" in tensors
                }
                if moments:
                    self._adamw.state[master] = moments


def _master(weight: nn.Parameter) -> nn.Parameter:
    if weight.dtype == torch.float32:
        return weight
    return nn.Parameter(weight.detach().float(), requires_grad=True)
