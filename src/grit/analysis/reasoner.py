"""A policy that goes on with chains: what it has said counts as part of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from grit.analysis.interventions import Turn
from grit.models.family import PromptInputs
from grit.policy.policy import Policy
from grit.prompts.question import Mode, question_turn
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling

__all__ = ["PolicyReasoner", "begun_prompt"]


class PolicyReasoner:
    """The model itself, greedily.

    Args:
        policy: Whose chains they are.
        sampling: Longest continuation, stop text and batch size; temperature 0.
        mode: How the questions were put.
    """

    def __init__(self, policy: Policy, sampling: Sampling, mode: Mode = Mode.GROUNDED) -> None:
        self._policy = policy
        self._engine = LocalEngine(policy, sampling)
        self._mode = mode

    def go_on(self, turns: Sequence[Turn]) -> list[str]:
        """What it adds to each beginning; the likeliest token at every place."""
        prompts = [Prompt(turn.sample, self._inputs(turn)) for turn in turns]
        groups = self._engine.roll_out(prompts, size=1, step=0)
        return [group.completions[0].text for group in groups]

    @torch.no_grad()
    def score(self, turns: Sequence[Turn], endings: Sequence[str]) -> list[float]:
        """Log-probability of each ending after its beginning, summed over tokens, in nats."""
        tokens = [self._tokens(ending) for ending in endings]
        asked = [place for place, each in enumerate(tokens) if len(each)]
        scores = [0.0] * len(turns)
        if not asked:
            return scores
        states = self._policy.run_prompts([self._inputs(turns[place]) for place in asked])
        found = self._policy.logprobs(
            states, list(range(len(asked))), [tokens[place] for place in asked], temperature=1.0
        )
        for place, logprobs in zip(asked, found, strict=True):
            scores[place] = float(logprobs.sum())
        return scores

    def _inputs(self, turn: Turn) -> PromptInputs:
        plain = self._policy.model.prepare(
            turn.picture, question_turn(turn.sample.question, self._mode)
        )
        return begun_prompt(plain, turn.start, self._tokens(turn.start))

    def _tokens(self, text: str) -> torch.Tensor:
        encoded = self._policy.model.tokenizer(text, return_tensors="pt", add_special_tokens=False)
        return encoded["input_ids"][0].long()  # pyright: ignore


def begun_prompt(prompt: PromptInputs, text: str, tokens: torch.Tensor) -> PromptInputs:
    """A prompt to which the beginning of its completion is added; ``tokens`` are (token,)."""
    return replace(
        prompt,
        text=prompt.text + text,
        input_ids=torch.cat([prompt.input_ids, tokens]),
        image_mask=torch.cat([prompt.image_mask, torch.zeros(len(tokens), dtype=torch.bool)]),
    )
