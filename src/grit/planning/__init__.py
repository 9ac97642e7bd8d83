"""What a run will cost, from its configuration alone: parameters, memory, tokens, FLOPs."""

__all__: list[str] = []
