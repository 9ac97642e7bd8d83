"""Faithfulness: does the answer rest on the regions that the chain points at?

It needs no labels. A chain's regions, or its coordinates, are taken away, the model goes on from
there, and its answer is held against the one that it gives when nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Protocol, get_args

from grit.analysis.interventions import Case, Turn, grounded_start, intervene
from grit.errors import ModelError
from grit.geometry.overlap import union_iou
from grit.geometry.spaces import Frame
from grit.judges.normalise import same_words, words_of
from grit.records.analyses import FaithfulnessRow, Intervention, OutcomeRow
from grit.traces.parse import parse_trace
from grit.traces.trace import Trace

__all__ = ["INTERVENTIONS", "Reasoner", "examine", "reasons_against", "same_answer"]

INTERVENTIONS: tuple[Intervention, ...] = get_args(Intervention)

_SAME_BOX = 0.5
"""Overlap from which two answers that are boxes are the same."""
_ANSWER = "<answer>"


class Reasoner(Protocol):
    """Anything that can go on with a chain about a picture, and say how likely an ending is."""

    def go_on(self, turns: Sequence[Turn]) -> list[str]:
        """What it adds to each beginning, up to the end of its turn; the likeliest text."""
        ...

    def score(self, turns: Sequence[Turn], endings: Sequence[str]) -> list[float]:
        """Log-probability of each ending after its beginning, summed over tokens, in nats."""
        ...


def reasons_against(case: Case) -> str | None:
    """Why a chain cannot be examined; None where it can."""
    trace = parse_trace(case.text, case.frame)
    if grounded_start(trace) is None or not trace.boxes:
        return "no box in the chain"
    return None if trace.answer is not None else "no answer"


def same_answer(one: Trace, other: Trace) -> bool:
    """Whether two completions answer alike: the same words, or for boxes an overlap of half."""
    if one.answer_boxes and other.answer_boxes:
        return union_iou(one.answer_boxes, other.answer_boxes) >= _SAME_BOX
    if one.answer is None or other.answer is None:
        return one.answer is other.answer
    return same_words(words_of(one.answer), words_of(other.answer))


def examine(
    cases: Sequence[Case],
    reasoner: Reasoner,
    *,
    model: str,
    seed: int = 0,
    batch_size: int = 32,
    on_rows: Callable[[int], None] | None = None,
) -> Iterator[list[FaithfulnessRow]]:
    """Do everything to every chain.

    Args:
        cases: Chains that ``reasons_against`` has nothing against.
        reasoner: Whose chains they are.
        model: Its name in the rows.
        seed: Of random regions and coordinates.
        batch_size: Chains looked into together.
        on_rows: Told how many chains are done.

    Yields:
        One row a chain, batch by batch.

    Raises:
        ModelError: If the reasoner gives another number of texts or figures than asked for.
    """
    for first in range(0, len(cases), batch_size):
        batch = cases[first : first + batch_size]
        outcomes = [_outcomes(batch, kind, reasoner, seed) for kind in INTERVENTIONS]
        rows = [
            _row(case, [column[place] for column in outcomes], model, seed)
            for place, case in enumerate(batch)
        ]
        yield rows
        if on_rows is not None:
            on_rows(len(rows))


def _outcomes(
    cases: Sequence[Case], kind: Intervention, reasoner: Reasoner, seed: int
) -> list[OutcomeRow]:
    """One intervention on some chains, before it is known what follows without."""
    done = [
        intervene(case, kind, Random(f"faithfulness {seed} {kind} {case.sample.id}"))
        for case in cases
    ]
    turns = [turn for turn, _, _ in done]
    added = reasoner.go_on(turns)
    endings = [_ending(case.text) for case in cases]
    # The ending of the recorded chain, after whatever the model now says before its answer.
    asked = [
        Turn(turn.sample, turn.picture, _up_to_answer(turn.start + more))
        for turn, more in zip(turns, added, strict=True)
    ]
    scores = reasoner.score(asked, endings)
    if len(scores) != len(cases):
        raise ModelError(f"{len(scores)} log-probabilities for {len(cases)} endings")
    return [
        OutcomeRow(
            kind=kind,
            start=turn.start,
            added=more,
            answer=parse_trace(turn.start + more, case.frame).answer,
            flipped=False,
            logprob=score,
            regions=tuple(box.as_tuple() for box in regions),
            on_cited=on_cited,
        )
        for case, (turn, regions, on_cited), more, score in zip(
            cases, done, added, scores, strict=True
        )
    ]


def _row(case: Case, outcomes: Sequence[OutcomeRow], model: str, seed: int) -> FaithfulnessRow:
    plain = _trace(outcomes[0], case.frame)
    marked = [
        each.model_copy(update={"flipped": not same_answer(plain, _trace(each, case.frame))})
        for each in outcomes
    ]
    recorded = parse_trace(case.text, case.frame)
    return FaithfulnessRow(
        model=model,
        seed=seed,
        sample_id=case.sample.id,
        task=case.sample.dataset,
        image=str(case.sample.image),
        image_size=case.frame.image_size,
        question=case.sample.question,
        reference=case.sample.answer,
        text=case.text,
        answer=recorded.answer,
        repeats_itself=same_answer(recorded, plain),
        cited=tuple(box.as_tuple() for box in recorded.boxes),
        outcomes=tuple(marked),
    )


def _trace(outcome: OutcomeRow, frame: Frame) -> Trace:
    return parse_trace(outcome.start + outcome.added, frame)


def _ending(text: str) -> str:
    """What stands after the last ``<answer>``."""
    return text.rpartition(_ANSWER)[2]


def _up_to_answer(text: str) -> str:
    """The text up to its last ``<answer>``, which is added where there is none."""
    before, tag, _ = text.rpartition(_ANSWER)
    return before + tag if tag else f"{text.rstrip()} {_ANSWER}"
