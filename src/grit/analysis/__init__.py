"""What chains and answers rest on: cross-modal correlation, faithfulness, attention."""

__all__: list[str] = []
