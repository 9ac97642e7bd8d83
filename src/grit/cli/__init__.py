"""The command line; heavy libraries are imported only by the command that needs them."""

__all__: list[str] = []
