"""Weights of a known transformers class, whole or not at all."""

from __future__ import annotations

from typing import Any

from torch import nn

from grit.errors import ModelError

__all__ = ["load_weights"]


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
    return network
