"""Features of pictures: computed once an image, once a run when the vision tower is frozen.

Where the tower is frozen and its merger learns, what is kept is what comes before the merger.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grit.config.model import ModelConfig
from grit.models.family import LoadedModel, PromptInputs

__all__ = ["VisionFeatures"]

DEFAULT_BYTES = int(ModelConfig().vision_cache_gib * 2**30)


class VisionFeatures:
    """Runs the vision tower, each picture of a call once, and keeps what cannot change.

    Args:
        model: The model whose tower is run.
        max_bytes: Bound on kept features; the oldest go first. Only a tower without trainable
            weights has its features kept, before the merger where that one has some.
        alone: Run each picture whose features are kept by itself. The last bits of a sum depend
            on what it is batched with; a run that was resumed asks in other batches.
        tower: Whose tower, equal to this model's and frozen, is run in place of this model's. Its
            features are kept once for both, before the mergers, which are each model's own.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        max_bytes: int = DEFAULT_BYTES,
        alone: bool = False,
        tower: VisionFeatures | None = None,
    ) -> None:
        self._model = model
        self._alone = alone
        self._tower = tower
        self._max_bytes = max_bytes
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._bytes = 0
        self._unmerged = False

    def of(self, prompts: Sequence[PromptInputs]) -> list[Tensor]:
        """Features of each prompt's picture, each (image token, …)."""
        family, network = self._model.family, self._model.network
        if self._tower is None:
            frozen = not any(weight.requires_grad for weight in family.tower_weights(network))
            merges = frozen and any(
                weight.requires_grad
                for each in family.mergers(network)
                for weight in each.parameters()
            )
            features = self._found(prompts, frozen=frozen, unmerged=merges)
        else:
            merges = True
            features = self._tower.before_mergers(prompts)
        if merges:
            features = dict(zip(features, family.merge(network, [*features.values()]), strict=True))
        return [features[id(_pixels(prompt))] for prompt in prompts]

    def before_mergers(self, prompts: Sequence[PromptInputs]) -> dict[int, Tensor]:
        """What a frozen tower makes of each picture, by the id of the picture's pixels."""
        return self._found(prompts, frozen=True, unmerged=True)

    def _found(
        self, prompts: Sequence[PromptInputs], *, frozen: bool, unmerged: bool
    ) -> dict[int, Tensor]:
        """Features of the prompts' pictures, kept or fresh."""
        if unmerged != self._unmerged:
            # What was kept is of the other kind.
            self._kept, self._bytes, self._unmerged = {}, 0, unmerged
        # Prompts over one picture hold the same pixel tensor: the data module opens it once.
        pictures = {id(_pixels(prompt)): prompt for prompt in prompts}
        # What was kept while the tower was frozen is out of date once it learns.
        kept = self._kept if frozen else {}
        features = {key: kept[key][1] for key in pictures if key in kept}
        missing = {key: prompt for key, prompt in pictures.items() if key not in features}
        if missing:
            fresh = self._run(list(missing.values()), frozen=frozen)
            for (key, prompt), feature in zip(missing.items(), fresh, strict=True):
                features[key] = feature
                if frozen:
                    self._keep(key, _pixels(prompt), feature)
        return features

    def _run(self, prompts: list[PromptInputs], *, frozen: bool) -> list[Tensor]:
        batches = [[prompt] for prompt in prompts] if frozen and self._alone else [prompts]
        family = self._model.family
        run = family.tower_features if self._unmerged else family.image_features
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            return [feature for batch in batches for feature in run(self._model.network, batch)]

    def _keep(self, key: int, pixels: Tensor, feature: Tensor) -> None:
        # The pixels are kept with the feature, so that their id cannot be given to others.
        self._kept[key] = (pixels, feature)
        self._bytes += feature.nbytes + pixels.nbytes
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            old_pixels, old = self._kept.pop(next(iter(self._kept)))
            self._bytes -= old.nbytes + old_pixels.nbytes


def _pixels(prompt: PromptInputs) -> Tensor:
    return next(iter(prompt.vision.values()))
