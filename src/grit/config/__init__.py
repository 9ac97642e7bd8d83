"""A run's recipe: frozen pydantic models, one file a concern, and how YAML and flags make one."""

__all__: list[str] = []
