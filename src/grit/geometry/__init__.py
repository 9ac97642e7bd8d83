"""Boxes, the coordinate frames that they live in, and how much they overlap."""

__all__: list[str] = []
