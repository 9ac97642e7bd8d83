"""What every family shares: a language model of transformers behind a picture, run over a cache."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from grit.models.decoding import TokenDecoder
from grit.models.family import PromptInputs, PromptStates
from grit.models.prefix_cache import SharedPrefixCache
from grit.models.tokens import PaddedPrompts, keep_states, pad_prompts
from grit.models.weights import load_weights

__all__ = ["DecoderFamily"]


class DecoderFamily(ABC):
    """A family whose network has ``model.language_model`` and ``lm_head``; all of ours have.

    One that is complete names its word and class, says what positions tokens have, and hands the
    decoder its pictures' features.
    """

    word: str
    network_class: ClassVar[Any]
    box_tokens: tuple[str, ...] = ()
    lora_targets = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"

    def load_network(self, path: str, **keywords: Any) -> nn.Module:
        """Weights from a folder or a hub name.

        Raises:
            ModelError: If weights are missing, which transformers would make up at random.
        """
        return load_weights(self.network_class, path, **keywords)

    def processor_settings(self, network: nn.Module) -> dict[str, Any]:
        """Nothing: tokenizer and image processor say it all."""
        del network
        return {}

    def decoder_layers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The layers of the decoder, in order."""
        return cast(Any, network).model.language_model.layers

    def output_weight(self, network: nn.Module) -> Tensor:
        """The matrix from hidden states to logits; shape (vocabulary, channel)."""
        return cast(Any, network).lm_head.weight

    def tower_weights(self, network: nn.Module) -> list[nn.Parameter]:
        """Weights of the vision tower, those of its mergers left out."""
        merging = {id(w) for merger in self.mergers(network) for w in merger.parameters()}
        return [w for w in self.vision_tower(network).parameters() if id(w) not in merging]

    def tower_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features before the mergers: each token's patches side by side, (image token, …)."""
        hooks = [each.register_forward_hook(_let_through) for each in self.mergers(network)]
        try:
            return self.image_features(network, prompts)
        finally:
            for hook in hooks:
                hook.remove()

    def merge(self, network: nn.Module, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of ``tower_features`` to those of ``image_features``."""
        rows, mergers = torch.cat([*features]), self.mergers(network)
        if len(mergers) == 1:
            merged = self._merge_rows(network, mergers[0], rows)
        else:
            depths = zip(mergers, rows.unbind(dim=1), strict=True)
            merged = torch.stack([self._merge_rows(network, *each) for each in depths], dim=1)
        return list(merged.split([len(each) for each in features]))

    def run_prompts(
        self, network: nn.Module, prompts: Sequence[PromptInputs], features: Sequence[Tensor]
    ) -> PromptStates:
        """Run the decoder over prompts, padded on the left, and keep the cache."""
        inner = cast(Any, network).model
        padded = pad_prompts(prompts, inner.device)
        positions, next_position = self._prompt_positions(inner, prompts, padded)
        output = inner(
            input_ids=padded.input_ids,
            attention_mask=padded.mask,
            position_ids=positions,
            mm_encoder_outputs={"image": self._encoded(features)},
            past_key_values=DynamicCache(),
            use_cache=True,
        )
        return keep_states(output, padded, next_position)

    def run_completions(
        self,
        network: nn.Module,
        input_ids: Tensor,
        *,
        cache: DynamicCache,
        attention_mask: Tensor | None,
        positions: Tensor,
    ) -> Tensor:
        """Run the decoder over completion tokens on top of a cache, which grows."""
        output = cast(Any, network).model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=self.text_positions(positions),
            past_key_values=cache,
            use_cache=True,
            **({"shared_prefix": cache} if isinstance(cache, SharedPrefixCache) else {}),
        )
        return output.last_hidden_state

    def token_decoder(self, network: nn.Module) -> TokenDecoder | None:
        """The decoder's layers, where they are known ones."""
        return TokenDecoder.of(cast(Any, network).model.language_model, self.output_weight(network))

    def text_positions(self, positions: Tensor) -> Tensor:
        """Positions of completion tokens, shape (completion, token), as the decoder takes them."""
        return positions

    @abstractmethod
    def vision_tower(self, network: nn.Module) -> nn.Module:
        """The part that turns pixels into features, mergers included."""

    @abstractmethod
    def mergers(self, network: nn.Module) -> Sequence[nn.Module]:
        """The modules that join patches to the decoder's features, the main one first."""

    @abstractmethod
    def image_features(self, network: nn.Module, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features of each prompt's picture, each (image token, …)."""

    @abstractmethod
    def _prompt_positions(
        self, inner: Any, prompts: Sequence[PromptInputs], padded: PaddedPrompts
    ) -> tuple[Tensor, Tensor]:
        """Positions of prompt tokens as the decoder takes them, and of the first token after.

        Returns:
            The decoder's ``position_ids``, and one number a prompt, shape (prompt,).
        """

    @abstractmethod
    def _encoded(self, features: Sequence[Tensor]) -> Any:
        """Features of the prompts' pictures as the decoder takes them."""

    def _merge_rows(self, network: nn.Module, merger: nn.Module, rows: Tensor) -> Tensor:
        """One merger over tokens' patches, shape (token, patches' channels)."""
        del network
        return merger(rows)


def _let_through(merger: nn.Module, given: tuple[Tensor], made: Tensor) -> Tensor:
    """A merger's hook: in place of what it made of each token, what it was given for it.

    The tower goes on with that as with its own features, and puts it into the same order.
    """
    del merger
    return given[0].reshape(*made.shape[:-1], -1)
