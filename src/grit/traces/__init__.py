"""Completion text to trace and back: parse, count, check tags, mask, write."""

__all__: list[str] = []
