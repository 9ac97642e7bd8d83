"""Plain transformers' side: one GRPO step as TRL makes it, with `generate` and whole sequences.

Every prompt and picture is run once a completion: in generation, in the reference's pass and in
training. Runs in grit's own environment; only the model and the prompts' tokens are grit's.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from rollout import load, repeated, theirs
from torch import Tensor, nn
from workers.meter import Meter, serve
from workload import Workload

from grit.policy.policy import Policy
from grit.rollout.group import Prompt

CLIP, MAX_NORM = 0.2, 1.0


class PlainStep:
    """A policy, its frozen copy, AdamW, and one step on one prompt after the other.

    Args:
        workload: What is done.
        meter: Counts generation and reference apart.
    """

    def __init__(self, workload: Workload, meter: Meter) -> None:
        self._workload = workload
        self._policy, self._prompts = load(workload)
        self._reference = copy.deepcopy(self._policy.model.network).requires_grad_(False).eval()
        self._weights = [w for w in self._policy.model.network.parameters() if w.requires_grad]
        self._optimizer = torch.optim.AdamW(self._weights, lr=1e-6, weight_decay=0.0)
        self._made = 0
        self._generate = meter.wrap("rollout", self._rollout)
        self._refer = meter.wrap("reference", self._reference_logprobs)

    def __call__(self) -> None:
        """Sample a group, judge it by chance, learn from it."""
        prompt = self._prompts[self._made % len(self._prompts)]
        self._made += 1
        completions: Tensor = self._generate(prompt)
        reference: Tensor = self._refer(prompt, completions)
        # Something that differs within a group; what is paid takes no time on either side.
        rewards = (completions.sum(dim=1) % 7).float()
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        for part in self._parts(len(completions)):
            network = self._policy.model.network
            logprobs = plain_logprobs(self._policy, network, prompt, completions[part])
            loss = self._loss(logprobs, reference[part], advantages[part])
            (loss * len(logprobs) / len(completions)).backward()
        nn.utils.clip_grad_norm_(self._weights, MAX_NORM)
        self._optimizer.step()
        self._optimizer.zero_grad()

    @torch.no_grad()
    def _rollout(self, prompt: Prompt) -> Tensor:
        size, num_tokens = self._workload.group_size, self._workload.completion_tokens
        return theirs(self._policy, [prompt], size=size, num_tokens=num_tokens, static=False)

    @torch.no_grad()
    def _reference_logprobs(self, prompt: Prompt, completions: Tensor) -> Tensor:
        parts = self._parts(len(completions))
        return torch.cat(
            [
                plain_logprobs(self._policy, self._reference, prompt, completions[part])
                for part in parts
            ]
        )

    def _parts(self, num_completions: int) -> list[slice]:
        most = self._workload.micro_batch
        return [slice(first, first + most) for first in range(0, num_completions, most)]

    def _loss(self, logprobs: Tensor, reference: Tensor, advantages: Tensor) -> Tensor:
        """GRPO's, with the KL's unbiased estimate."""
        ratio = (logprobs - logprobs.detach()).exp()
        gain = advantages.unsqueeze(1)
        clipped = torch.minimum(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain)
        off = reference - logprobs
        return -(clipped - self._workload.beta * (off.exp() - off - 1)).mean()


def plain_logprobs(
    policy: Policy, network: nn.Module, prompt: Prompt, completions: Tensor
) -> Tensor:
    """Log-probabilities by whole sequences; shape (completion, token)."""
    num_tokens = completions.shape[1]
    inputs = repeated(policy, [prompt], size=len(completions), num_tokens=num_tokens)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], completions], dim=1)
    # As TRL: logits of the completion only, but of the whole vocabulary.
    logits = cast(Any, network)(**inputs, logits_to_keep=num_tokens + 1, use_cache=False).logits
    scores = logits[:, :-1].float().log_softmax(dim=-1)
    return scores.gather(-1, completions.unsqueeze(-1)).squeeze(-1)


def main() -> None:
    """Make steps on order."""
    meter = Meter()
    serve(PlainStep(Workload.read(Path(sys.argv[1])), meter), meter)


if __name__ == "__main__":
    main()
