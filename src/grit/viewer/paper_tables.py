"""Tables and figures of `grit paper`, in the paper's shape, from its record alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from grit.records.analyses import CorrelationFigure, CorrelationTable, Draw, FaithfulnessFigure
from grit.records.paper import PaperRecord
from grit.records.rows import ALL_TASKS, EvaluationSummary
from grit.viewer.figures import PlainTable
from grit.viewer.published import (
    PUBLISHED_ABLATION,
    PUBLISHED_RESULTS,
    PUBLISHED_SETS,
    SETS,
)

__all__ = [
    "IN_DOMAIN",
    "NAMES",
    "OUT_OF_DOMAIN",
    "is_control",
    "paper_tables",
    "scaling_points",
    "source_words",
    "whole_rates",
]

NAMES = {
    "direct": "direct query",
    "cot": "chain of thought",
    "icl": "one-shot in-context",
    "sft": "few-shot SFT",
    "grit": "GRIT",
    "no-counting": "without counting data and reward",
    "no-answer-reward": "control: answer reward off",
    "shuffled-answers": "control: answers shuffled",
}
IN_DOMAIN = ("relation", "counting")
OUT_OF_DOMAIN = ("attribute", "arithmetic", "existence")
_DONE: dict[str, str] = {
    "blank_cited": "a: cited blanked",
    "blank_elsewhere": "b: others blanked",
    "keep_cited": "c: all but cited blanked",
    "random_coordinates": "d: random coordinates",
    "no_boxes": "e: no boxes",
    "necessity": "necessity: a − b",
}


def paper_tables(record: PaperRecord) -> list[PlainTable]:
    """Tables that have figures, in the order of the page."""
    made = [
        _results(record),
        _test_sets(record),
        _ablation(record),
        _correlation(record),
        _attention(record),
        _scaling(record),
        _controls(record),
        *_faithfulness(record),
    ]
    return [table for table in made if table is not None]


def _results(record: PaperRecord) -> PlainTable | None:
    """Table 1."""
    rows: list[tuple[str, ...]] = []
    for name in ("direct", "cot", "icl", "sft", "grit"):
        cells = [_pair(record, name, task) for task in SETS]
        if any(cell != "–" for cell in cells):
            rows.append((NAMES[name], "this run", *cells))
    if not rows:
        return None
    rows += [
        (NAMES[name], model, *cells)
        for model, published in PUBLISHED_RESULTS.items()
        for name, cells in published.items()
    ]
    return PlainTable(
        "Table 1: accuracy (%) / grounding IoU",
        ("method", "figures of", *(f"{task} ({name})" for task, name in SETS.items())),
        tuple(rows),
        note="Ours: mean ± standard deviation over training seeds. Untrained models have none. "
        "IoU of locate is that of the answer's box.",
    )


def _test_sets(record: PaperRecord) -> PlainTable | None:
    """Table 2."""
    known = {each.task: each for each in record.test_sets}
    if not known:
        return None
    ours: dict[str, list[str]] = {label: [] for label in PUBLISHED_SETS}
    for task in SETS:
        each = known.get(task)
        cells = ["–"] * 4
        if each is not None:
            cells = [
                str(each.num_samples),
                f"{each.question_words:.1f} / {each.answer_words:.1f}",
                _percent(each.closed),
                _percent(each.covered),
            ]
        for column, cell in zip(ours.values(), cells, strict=True):
            column.append(cell)
    rows = [(label, "this run", *cells) for label, cells in ours.items()]
    rows += [(label, "paper", *cells) for label, cells in PUBLISHED_SETS.items()]
    return PlainTable(
        "Table 2: test data",
        ("", "figures of", *(f"{task} ({name})" for task, name in SETS.items())),
        tuple(rows),
    )


def _ablation(record: PaperRecord) -> PlainTable | None:
    """Table 3."""
    if not _of(record, "no-counting"):
        return None
    rows = [
        (
            NAMES[name],
            "this run",
            _spread([_iou(run, IN_DOMAIN) for run in _of(record, name)], 3),
            _spread([_iou(run, OUT_OF_DOMAIN) for run in _of(record, name)], 3),
            _spread([_accuracy(run, IN_DOMAIN) for run in _of(record, name)], 1, 100),
            _spread([_accuracy(run, OUT_OF_DOMAIN) for run in _of(record, name)], 1, 100),
        )
        for name in ("grit", "no-counting")
    ]
    rows += [(NAMES[n], "paper, InternVL3-2B", *cells) for n, cells in PUBLISHED_ABLATION.items()]
    return PlainTable(
        "Table 3: without counting data and reward",
        ("training", "figures of", "IoU in", "IoU out", "accuracy in", "accuracy out"),
        tuple(rows),
        note="In domain: relation and counting; out: attribute, arithmetic and existence.",
    )


def _correlation(record: PaperRecord) -> PlainTable | None:
    """Figure 4, as numbers."""
    rows: list[tuple[str, ...]] = []
    for table in record.correlation:
        rates = whole_rates(table)
        cells = [
            "–"
            if (each := rates.get(draw)) is None or each.mean is None
            else f"{100 * each.mean:.1f} ± {100 * (each.deviation or 0):.1f}"
            for draw in ("matched", "uniform")
        ]
        rows.append(
            (source_words(table.source), table.judge, str(next(iter(rates.values())).n), *cells)
        )
    if not rows:
        return None
    return PlainTable(
        "Figure 4: cross-modal correlation (%), mean ± standard deviation of repeats",
        ("chains of", "judge", "n", "random boxes: sizes as drawn", "random boxes: uniform"),
        tuple(rows),
        note="The judge scene knows the built-in world's scenes and stands in for GPT-4o: its "
        "figures are no vision-language model's. 50 is chance; others' boxes are the control, "
        "texts with the boxes of other chains.",
    )


def _scaling(record: PaperRecord) -> PlainTable | None:
    """Figure 6, as numbers."""
    rows = [
        (
            f"{size:,}",
            f"{paper:,}",
            _spread([_accuracy(run, IN_DOMAIN) for run in runs], 1, 100),
            _spread([_accuracy(run, OUT_OF_DOMAIN) for run in runs], 1, 100),
            _spread([_iou(run, IN_DOMAIN) for run in runs], 3),
        )
        for size, paper in zip(record.sizes, (20, 500, 7000), strict=True)
        if (runs := _of(record, _size_name(record, size)))
    ]
    if len(rows) < 2:
        return None
    return PlainTable(
        "Figure 6: accuracy (%) by number of triplets",
        ("triplets", "for the paper's", "accuracy in", "accuracy out", "IoU in"),
        tuple(rows),
        num_words=0,
        note=f"Every run takes the same {record.steps} steps.",
    )


def _faithfulness(record: PaperRecord) -> list[PlainTable]:
    """Two tables of a row a task: answers that flip, and what their log-probability loses."""
    figures = [(t.source, each) for t in record.faithfulness for each in t.figures]
    if not figures:
        return []

    def cells(figure: FaithfulnessFigure, *, flips: bool) -> list[str]:
        known = {each.name: each for each in figure.effects}
        return [
            "–"
            if (each := known.get(name)) is None
            else _ends(each.flips, each.flips_interval, 2)
            if flips
            else _ends(each.drop, each.drop_interval, 1)
            for name in _DONE
        ]

    return [
        PlainTable(
            f"Beyond the paper: faithfulness, {what}",
            ("chains of", "task", "n", *_DONE.values()),
            tuple((source, f.task, str(f.n), *cells(f, flips=flips)) for source, f in figures),
            note="95% intervals. docs/decisions/022 says what is done, and how it is measured.",
        )
        for what, flips in (
            ("share of answers that flip", True),
            ("fall of the answer's log p, nats", False),
        )
    ]


def _attention(record: PaperRecord) -> PlainTable | None:
    rows = [
        (
            table.source,
            str(table.difference.n),
            _ends(table.difference.share, table.difference.interval, 4),
        )
        for table in record.attention
        if table.difference is not None
    ]
    if not rows:
        return None
    return PlainTable(
        "Figure 5: attention on the picture, original less box-free",
        ("chains of", "n", "difference of shares"),
        tuple(rows),
        num_words=1,
        note="Mean over layers and tokens, chain by chain. The paper finds the original higher.",
    )


def _controls(record: PaperRecord) -> PlainTable | None:
    names = ("cot", "grit", "no-answer-reward", "shuffled-answers")
    rows = [
        (NAMES[name], *(_pair(record, name, task) for task in SETS))
        for name in names
        if _of(record, name)
    ]
    if not any(_of(record, name) for name in names[2:]):
        return None
    return PlainTable(
        "Controls: accuracy (%) / grounding IoU",
        ("training", *SETS),
        tuple(rows),
        num_words=1,
        note="Each should lose what training gains in accuracy; where one keeps it, the gain comes "
        "from the format, not from the answers.",
    )


def is_control(source: str) -> bool:
    """Whether a table of correlation is of chains with the boxes of others."""
    return source.endswith(".shuffled")


def source_words(source: str) -> str:
    """Whose chains, in words: ``grit-seed-0.shuffled`` is that of GRIT with others' boxes."""
    name, _, seed = source.removesuffix(".shuffled").partition("-seed-")
    words = NAMES.get(name, name) + (f", seed {seed}" if seed else "")
    return f"{words}: others' boxes" if is_control(source) else words


def whole_rates(table: CorrelationTable) -> dict[Draw, CorrelationFigure]:
    """Figures over all tasks, or over the only one, by the kind of random boxes."""
    whole = [each for each in table.figures if each.task == ALL_TASKS] or table.figures
    return {each.draw: each for each in whole}


def scaling_points(record: PaperRecord, tasks: Sequence[str]) -> list[tuple[float, float | None]]:
    """Place of each number of triplets, from 1, and mean accuracy in percent over seeds."""
    points: list[tuple[float, float | None]] = []
    for place, size in enumerate(record.sizes):
        values = [_accuracy(run, tasks) for run in _of(record, _size_name(record, size))]
        known = [100 * value for value in values if value is not None]
        if known:
            points.append((place + 1, fmean(known)))
    return points


def _size_name(record: PaperRecord, size: int) -> str:
    return "grit" if size == record.sizes[0] else f"triplets-{size}"


def _of(record: PaperRecord, name: str) -> list[tuple[EvaluationSummary, ...]]:
    return [run.summaries for run in record.runs if run.name == name]


def _pair(record: PaperRecord, name: str, task: str) -> str:
    """Accuracy in percent and IoU of one task."""
    found = [each for run in _of(record, name) for each in run if each.task == task]
    if not found:
        return "–"
    accuracy = _spread([each.accuracy for each in found], 1, 100)
    return f"{accuracy} / {_spread([each.grounding_iou for each in found], 3)}"


def _accuracy(run: Sequence[EvaluationSummary], tasks: Sequence[str]) -> float | None:
    return _mean([each.accuracy for each in run if each.task in tasks])


def _iou(run: Sequence[EvaluationSummary], tasks: Sequence[str]) -> float | None:
    return _mean([each.grounding_iou for each in run if each.task in tasks])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _spread(values: Sequence[float | None], digits: int, factor: float = 1.0) -> str:
    known = [factor * value for value in values if value is not None]
    if not known:
        return "–"
    middle = f"{fmean(known):.{digits}f}"
    return f"{middle} ± {stdev(known):.{digits}f}" if len(known) > 1 else middle


def _ends(value: float | None, interval: tuple[float, float] | None, digits: int) -> str:
    if value is None or interval is None:
        return "–"
    # Adding 0 turns −0.0, which small falls are rounded to, into 0.0.
    middle, low, high = (f"{round(each, digits) + 0:.{digits}f}" for each in (value, *interval))
    return f"{middle} [{low}, {high}]".replace("-", "−")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
