"""Every sentence that we send to a policy. The strings are protocol constants: to the letter."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GROUNDED_SUFFIX", "SUFFIX_VERSION", "Mode", "question_turn"]

GROUNDED_SUFFIX = (
    " First, think between <think> and </think> while output necessary coordinates needed to "
    "answer the question in JSON with key 'bbox_2d'. Then, based on the thinking contents and "
    "coordinates, rethink between <rethink> </rethink> and then answer the question after "
    "<answer>."
)
"""Appended to the question in training and inference (GRIT, arXiv 2505.15879)."""

SUFFIX_VERSION = 1
"""Rises when the suffix changes: a model is asked with the words that it was trained with."""


class Mode(StrEnum):
    """How a question is put to a policy."""

    DIRECT = "direct"
    """The question alone; the whole completion is the answer."""
    COT = "cot"
    """The paper's suffix, put to a model that was not trained for it."""
    ICL = "icl"
    """The same suffix, after one worked example with its picture."""
    GROUNDED = "grounded"
    """The same suffix, put to a trained model."""


def question_turn(question: str, mode: Mode) -> str:
    """The text of the user's turn; the picture stands before it."""
    suffix = "" if mode is Mode.DIRECT else GROUNDED_SUFFIX
    return f"\nQuestion: {question}{suffix}\n"
