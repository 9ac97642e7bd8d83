"""A sample: one picture, one question, its true answer, and what else is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grit.geometry.box import Box

__all__ = ["BOX_SETS", "EXTRA_KEYS", "Sample"]

BOX_SETS = frozenset({"locate", "ovd_position"})
"""Sets whose answers are boxes; another set says so with ``"answer_type": "boxes"`` in a row."""

EXTRA_KEYS = {
    "answer_type": "text, integer, float or list (MathVista); boxes: the answer is a box",
    "caption": "the caption that a question was made of (VSR)",
    "category": "part of a set that is scored by itself (MME, VLMEvalKit)",
    "choices": "list of texts; the answer is one of them, never its letter",
    "metadata": "what MathVista says of an item: source, task, skills, …",
    "objects": "names of the things behind the true boxes, in their order",
    "pair": "one text for all questions on one picture of a category (MME's acc+)",
    "precision": "decimals that a float answer is rounded to, a whole number",
    "question_type": "multi_choice or free_form",
    "relation": "the spatial relation that is asked about (VSR)",
    "unit": "unit of a number (MathVista)",
}
"""Keys of ``Sample.extra`` that mean something to us; each is absent where it does not apply.

A file may hold anything under them: whoever reads one looks at its type first.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image–question–answer triplet.

    Args:
        id: Unique in its data set; given by the row, or made of file name and line.
        image: The picture's file; opened only by ``data.pictures.open_picture``.
        question: The question alone, without any prompt text.
        answer: The true answer, as text.
        dataset: The set or task it belongs to (``vsr``, ``tallyqa``, ``relation``, …).
        image_size: (width, height) as the row states it; None when it does not.
        boxes: True boxes in original pixels; None when the sample was never annotated,
            empty when it was and there is nothing to point at.
        count: True count of a counting question; None for any other question.
        split: Part of the set, as the row states it.
        extra: The row's other keys, kept as they were; ``EXTRA_KEYS`` says what some mean.
    """

    id: str
    image: Path
    question: str
    answer: str
    dataset: str
    image_size: tuple[int, int] | None = None
    boxes: tuple[Box, ...] | None = None
    count: int | None = None
    split: str = ""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def asks_for_boxes(self) -> bool:
        """Whether the answer is a box: it is then scored by overlap, not by a judge."""
        return self.dataset in BOX_SETS or self.extra.get("answer_type") == "boxes"
