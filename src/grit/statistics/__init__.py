"""What a figure is worth: intervals for rates and means, and the spread over repeated runs."""

__all__: list[str] = []
