"""Worked answers in the paper's format, made from a triplet and, where there are, its true boxes.

They are shown before a question (one-shot in-context), or taught (few-shot SFT). The words are
few on purpose: they say no more than is known of the sample.
"""

from __future__ import annotations

from typing import Any, cast

from grit.data.sample import Sample
from grit.errors import DataError
from grit.geometry.spaces import Frame
from grit.traces.write import write_box, write_chain

__all__ = ["worked_chain"]


def worked_chain(sample: Sample, frame: Frame, *, with_boxes: bool = True) -> str:
    """Write the chain that a triplet stands for: its boxes, and that the answer follows.

    Args:
        sample: Its true boxes are drawn, in their order, under the names that
            ``extra["objects"]`` gives them, where it gives one each.
        frame: The picture, and the space in which the model writes.
        with_boxes: Whether to draw them; a sample without boxes has a chain without.

    Returns:
        ``<think> {"bbox_2d": …} </think> <rethink> the answer is 2 </rethink> <answer> 2
        </answer>``. Where a box is what is asked for, it is the answer, too, in the model's
        space.

    Raises:
        DataError: If the answer or a name holds one of the six tags.
    """
    boxes = list(zip(sample.boxes or (), _names(sample), strict=True)) if with_boxes else []
    answer = sample.answer
    if sample.asks_for_boxes and sample.boxes:
        answer = ", ".join(write_box(box, frame) for box in sample.boxes)
    rethink = "so it is there" if sample.asks_for_boxes else f"the answer is {answer}"
    try:
        return write_chain(boxes, frame, rethink, answer)
    except DataError as error:
        raise DataError(f"sample {sample.id}: {error}") from error


def _names(sample: Sample) -> list[str | None]:
    number = len(sample.boxes or ())
    names: Any = sample.extra.get("objects")
    if isinstance(names, list):
        listed = cast("list[object]", names)
        if len(listed) == number and all(isinstance(name, str) for name in listed):
            return cast("list[str | None]", names)
    return [None] * number
