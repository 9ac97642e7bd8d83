"""Accuracy and grounding on held-out samples, each sample once."""

__all__: list[str] = []
