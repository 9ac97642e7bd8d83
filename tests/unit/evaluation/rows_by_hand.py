"""Evaluation rows without a model."""

from __future__ import annotations

from grit.records.rows import EvaluationRow


def row(number=0, *, score=1.0, task="counting", **changes):
    fixed = {
        "model": "grit", "mode": "grounded", "step": 3, "task": task,
        "sample_id": f"{task}-{number}", "image": "p.png", "image_size": (100, 100),
        "question": "?", "reference": "2", "prompt": "?", "text": "2", "num_tokens": 3,
        "finish": "finished", "answer": "2", "score": score,
        "correct": score is not None and score >= 0.5, "format_ok": True,
    }  # fmt: skip
    return EvaluationRow(**(fixed | changes))
