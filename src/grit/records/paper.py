"""What `grit paper` found, in one record: the page is made from it and from nothing else."""

from __future__ import annotations

from pydantic import Field

from grit.records.analyses import AttentionTable, CorrelationTable, FaithfulnessTable
from grit.records.rows import Closed, EvaluationSummary, Measure, Row

__all__ = ["PaperExample", "PaperRecord", "PaperRun", "TestSet"]


class TestSet(Closed):
    """One task's test samples, as the paper's Table 2 counts them."""

    __test__ = False  # no test case, whatever pytest thinks of its name

    task: str
    num_samples: int
    question_words: float
    answer_words: float
    closed: Measure
    """Share with yes or no for an answer."""
    covered: Measure
    """Mean share of the picture under true boxes."""


class PaperRun(Closed):
    """One model in one mode: an untrained one, or one that was trained with a seed."""

    name: str
    """``direct``, ``cot``, ``icl``, ``sft``, ``grit`` or an experiment's."""
    seed: int | None
    """None where nothing was trained."""
    summaries: tuple[EvaluationSummary, ...]
    train_seconds: Measure = None


class PaperExample(Closed):
    """A chain to show, beside its picture."""

    task: str
    question: str
    answer: str | None
    reference: str
    image: str
    """The picture's file, relative to the page where it lies below it."""
    text: str
    boxes: tuple[tuple[float, float, float, float], ...]
    size: tuple[int, int]


class PaperRecord(Row):
    """Everything on the page, complete or not."""

    world: str
    quick: bool
    num_seeds: int
    steps: int
    """Training steps of each run."""
    sizes: tuple[int, int, int]
    """Triplets of the scaling runs, for the paper's 20, 500 and 7,000."""
    test_sets: tuple[TestSet, ...] = ()
    runs: tuple[PaperRun, ...] = ()
    correlation: tuple[CorrelationTable, ...] = ()
    faithfulness: tuple[FaithfulnessTable, ...] = ()
    attention: tuple[AttentionTable, ...] = ()
    examples: tuple[PaperExample, ...] = ()
    differences: tuple[str, ...] = ()
    """A line on every difference of set-up from the paper's."""
    missing: tuple[str, ...] = ()
    """Parts that have not been run."""
    seconds: dict[str, float] = Field(default_factory=dict[str, float])
    """Wall time by part, of the call that ran it."""
