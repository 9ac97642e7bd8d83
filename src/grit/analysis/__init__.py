"""Studies of finished runs; reads records."""

__all__: list[str] = []
