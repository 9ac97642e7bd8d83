"""Pages made from a run folder's records; nothing here runs a model."""

__all__: list[str] = []
