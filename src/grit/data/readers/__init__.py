"""Benchmarks as their publishers ship them, one reader a file, turned into samples.

``reader`` is the seam and what all share, ``catalogue`` the list of readers by name, ``documents``
reads large JSON with line numbers, ``regions`` joins boxes from Visual Genome or COCO.
"""

__all__: list[str] = []
