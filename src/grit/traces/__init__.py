"""Completion text to a typed trace and back; what is wrong with a text is data, no exception."""

__all__: list[str] = []
