"""GRPO-GR: advantages, loss, optimiser, checkpoints and the loop that ties them."""

__all__: list[str] = []
