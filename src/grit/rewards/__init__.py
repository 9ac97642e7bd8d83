"""Small pure functions that pay a completion, and the rubric that adds them up."""

__all__: list[str] = []
