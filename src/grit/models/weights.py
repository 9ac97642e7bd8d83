"""Weights of a known transformers class, whole or not at all."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from grit.errors import ModelError

__all__ = ["ALIGNMENT", "load_weights"]

ALIGNMENT = 64
"""Bytes that torch's allocator on the CPU aligns to."""


def load_weights(network_class: Any, path: str, **keywords: Any) -> nn.Module:
    """Load a network from a folder or a hub name.

    Args:
        network_class: A class of transformers with a language head.
        path: A folder or a hub name.
        keywords: For ``from_pretrained``.

    Raises:
        ModelError: If weights are missing, which transformers would make up at random.
    """
    network, report = network_class.from_pretrained(path, output_loading_info=True, **keywords)
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"the weights of {path} lack {len(missing)} of the tensors that its config.json "
            f"asks for, such as {missing[0]}; take config.json and weights from one checkpoint"
        )
    _say_what_is_tied(network)
    _align(network)
    return network


@torch.no_grad()
def _align(network: nn.Module) -> None:
    """Let every weight start where torch itself would let it start.

    A weight from a file begins wherever the file's header ends. The last bits of some products on
    the CPU depend on that, so a run that was resumed from a checkpoint would part from one that
    was not.
    """
    for weight in network.parameters():
        if weight.device.type == "cpu" and weight.data_ptr() % ALIGNMENT:
            weight.data = weight.data.clone()


def _say_what_is_tied(network: Any) -> None:
    """Let the configuration say that embedding and output differ where the checkpoint has both.

    transformers 4's InternVL checkpoints say so in ``text_config`` alone, and transformers 5 takes
    the outer default, which is true. It loads both matrices all the same; what is saved with that
    word would be tied by others.
    """
    embedding = cast(nn.Module, network.get_input_embeddings()).weight
    if network.config.tie_word_embeddings and network.lm_head.weight is not embedding:
        network.config.tie_word_embeddings = False
