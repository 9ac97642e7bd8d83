"""Judges hold a predicted answer against the true one. Knows nothing of rewards or models."""

__all__: list[str] = []
