"""Boxes, the coordinate spaces that they live in, and how far they overlap. Pure numbers."""

__all__: list[str] = []
