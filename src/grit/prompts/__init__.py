"""Every sentence that grit sends to a policy."""

__all__: list[str] = []
