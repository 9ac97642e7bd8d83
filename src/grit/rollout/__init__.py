"""Completions, their groups, and the engines that sample them."""

__all__: list[str] = []
