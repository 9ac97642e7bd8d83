"""Intervals and paired tests for figures that a reader compares. Pure numbers."""

__all__: list[str] = []
