"""grit teaches vision-language models to think with images (GRIT, arXiv 2505.15879).

Data flows one way: sample, prompt, rollout, traces, scores, advantages, loss, step. Import from
the room that you need, for instance ``from grit.traces.parse import parse_trace``; importing
``grit`` itself loads nothing else.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
