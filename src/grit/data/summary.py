"""What a file of samples holds, set by set: answers, words, boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from grit.data.sample import Sample
from grit.geometry.box import Box
from grit.geometry.overlap import union_area

__all__ = ["DatasetSummary", "summarise"]

_YES_NO = ("yes", "no")


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """One set of a file; None where nothing of the kind is in it.

    Args:
        dataset: The set's name, as the rows state it.
        num_samples: Samples that could be read.
        num_pictures: Distinct pictures.
        answers: How often each answer occurs, the most frequent first; compared in lower case.
        share_yes_no: Share of samples whose answer is yes or no, 0 to 1.
        share_closed: Share that is answered by yes, no or one of stated choices, 0 to 1.
        mean_question_words: Words in a question.
        mean_answer_words: Words in an answer.
        num_counted: Samples with a true count.
        num_annotated: Samples with true boxes, empty lists included.
        num_boxes: True boxes in all.
        box_coverage: Mean share of the picture that the union of its boxes covers, 0 to 1, over
            the samples that have a box and whose picture's size is known.
    """

    dataset: str
    num_samples: int
    num_pictures: int
    answers: dict[str, int]
    share_yes_no: float
    share_closed: float
    mean_question_words: float
    mean_answer_words: float
    num_counted: int
    num_annotated: int
    num_boxes: int
    box_coverage: float | None


def summarise(
    samples: Iterable[Sample], sizes: Mapping[Path, tuple[int, int]]
) -> tuple[DatasetSummary, ...]:
    """Summarise samples by set, in the order in which the sets first appear.

    Args:
        samples: The samples.
        sizes: (width, height) of the pictures that could be opened; of others the size that
            the row states is used.
    """
    by_set: dict[str, list[Sample]] = {}
    for sample in samples:
        by_set.setdefault(sample.dataset, []).append(sample)
    return tuple(_summary(name, members, sizes) for name, members in by_set.items())


def _summary(
    name: str, samples: Sequence[Sample], sizes: Mapping[Path, tuple[int, int]]
) -> DatasetSummary:
    answers = Counter(sample.answer.strip().casefold() for sample in samples)
    yes_no = sum(count for answer, count in answers.items() if answer.rstrip(".") in _YES_NO)
    coverages: list[float] = []
    for sample in samples:
        size = sizes.get(sample.image, sample.image_size)
        if sample.boxes and size is not None:
            coverages.append(_coverage(sample.boxes, size))
    return DatasetSummary(
        dataset=name,
        num_samples=len(samples),
        num_pictures=len({sample.image for sample in samples}),
        answers=dict(answers.most_common()),
        share_yes_no=yes_no / len(samples),
        share_closed=fmean(_is_closed(sample) for sample in samples),
        mean_question_words=fmean(len(sample.question.split()) for sample in samples),
        mean_answer_words=fmean(len(sample.answer.split()) for sample in samples),
        num_counted=sum(sample.count is not None for sample in samples),
        num_annotated=sum(sample.boxes is not None for sample in samples),
        num_boxes=sum(len(sample.boxes or ()) for sample in samples),
        box_coverage=fmean(coverages) if coverages else None,
    )


def _is_closed(sample: Sample) -> bool:
    """Whether the question leaves a choice among stated answers only."""
    has_choices = sample.extra.get("question_type") == "multi_choice" or bool(
        sample.extra.get("choices")
    )
    return has_choices or sample.answer.strip().casefold().rstrip(".") in _YES_NO


def _coverage(boxes: Iterable[Box], size: tuple[int, int]) -> float:
    """Share of the picture under the boxes; what passes the border does not count."""
    width, height = size
    inside = [
        Box(max(box.x1, 0.0), max(box.y1, 0.0), min(box.x2, width), min(box.y2, height))
        for box in boxes
    ]
    return union_area(inside) / (width * height)
