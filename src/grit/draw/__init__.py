"""Boxes and set-of-mark labels on pictures."""

__all__: list[str] = []
