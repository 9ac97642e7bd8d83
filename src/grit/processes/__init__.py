"""The processes of one run: who they are, what they tell each other, whose gradients they sum."""

__all__: list[str] = []
