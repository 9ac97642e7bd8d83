"""Lets ``python -m grit`` stand for the command ``grit``."""

from __future__ import annotations

import sys

from grit.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
