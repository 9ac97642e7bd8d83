"""The policy: a model that runs prompts, goes on from them, and says how likely a text is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from grit.models.family import LoadedModel, PromptInputs, PromptStates
from grit.models.prefix_cache import SharedPrefixCache
from grit.policy.logprobs import token_logprobs
from grit.policy.prefix import Branches, branch, run_branches
from grit.policy.vision import VisionFeatures

__all__ = ["Policy"]


class Policy:
    """A loaded model behind the shared prefix.

    Args:
        model: The model; what of it is trainable is the caller's choice.
        vision: Where features of pictures are kept; a fresh store by default.
    """

    def __init__(self, model: LoadedModel, *, vision: VisionFeatures | None = None) -> None:
        self.model = model
        self.vision = VisionFeatures(model) if vision is None else vision

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def run_prompts(self, prompts: Sequence[PromptInputs]) -> PromptStates:
        """Run picture and question once each, under grad when grad is on."""
        features = self.vision.of(prompts)
        return self.model.family.run_prompts(self.model.network, prompts, features)

    def branch(self, states: PromptStates, owners: Sequence[int]) -> Branches:
        """Prompt states, one row per completion; ``owners`` holds the row of each one's prompt."""
        model = self.model
        branches = branch(
            states, torch.tensor(owners, device=self.device), shared=model.shares_prefix
        )
        if model.shares_prefix and model.decodes_lean:
            branches.decoder = model.family.token_decoder(model.network)
        return branches

    def step(self, branches: Branches, tokens: Tensor) -> None:
        """Append one token to every branch, in place; shape of ``tokens``: (completion,)."""
        family, network = self.model.family, self.model.network
        positions = branches.next_position.unsqueeze(1)
        decoder, cache = branches.decoder, branches.cache
        if decoder is not None and isinstance(cache, SharedPrefixCache):
            branches.last_hidden = decoder.run(tokens, cache, family.text_positions(positions))
        else:
            mask = branches.attention_mask
            if mask is not None:
                branches.attention_mask = mask = torch.cat([mask, mask.new_ones(len(tokens), 1)], 1)
            hidden = family.run_completions(
                network,
                tokens.unsqueeze(1),
                cache=cache,
                attention_mask=mask,
                positions=positions,
            )
            branches.last_hidden = hidden[:, -1]
        branches.next_position = branches.next_position + 1

    def logits(self, branches: Branches) -> Tensor:
        """Scores of the next token in float32; shape (completion, vocabulary)."""
        if branches.decoder is not None:
            return branches.decoder.logits(branches.last_hidden)
        weight = self.model.family.output_weight(self.model.network)
        return nn.functional.linear(branches.last_hidden, weight).float()

    def logprobs(
        self,
        states: PromptStates,
        owners: Sequence[int],
        completions: Sequence[Tensor],
        *,
        temperature: float,
    ) -> list[Tensor]:
        """Log-probability of every token of some completions, given their prompts.

        Args:
            states: Prompts that were run.
            owners: Row of each completion's prompt.
            completions: Token ids, each of shape (token,) and at least one long.
            temperature: The one that the completions were sampled at.

        Returns:
            One float32 tensor per completion, shape (token,).
        """
        lengths = [len(tokens) for tokens in completions]
        padded = nn.utils.rnn.pad_sequence(list(completions), batch_first=True).to(self.device)
        hidden = run_branches(
            self.model.family, self.model.network, self.branch(states, owners), padded
        )
        place = torch.arange(padded.shape[1], device=self.device)
        real = place < torch.tensor(lengths, device=self.device).unsqueeze(1)
        weight = self.model.family.output_weight(self.model.network)
        flat = token_logprobs(hidden[real], weight, padded[real], temperature=temperature)
        return list(flat.split(lengths))
