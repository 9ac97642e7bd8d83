"""Builds objects from a recipe and runs them: train, evaluate, ask."""

__all__: list[str] = []
