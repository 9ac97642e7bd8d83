"""Samples on disk: rows, pictures, checks, and the worlds that we ship.

``sample`` is the type that everything else handles; ``jsonl`` reads and writes files of them,
``pictures`` opens what they point at, ``check`` says what is wrong with a file.
"""

__all__: list[str] = []
