"""The model as a policy: prompts run once a group, log-probabilities of completions only."""

__all__: list[str] = []
