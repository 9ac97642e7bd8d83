"""The built-in world: pictures drawn from a seed, with true boxes and the questions about them."""

__all__: list[str] = []
