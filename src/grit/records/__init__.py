"""What a run leaves behind: its folder, typed JSONL rows, and writes that survive a kill."""

__all__: list[str] = []
