"""Which learning curves the page shows, out of steps and validations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from grit.records.rows import StepRow, ValidationRow
from grit.viewer.charts import Chart, Line, draw_chart

__all__ = ["draw_curves"]

_SHARE = (0.0, 1.0)


def draw_curves(steps: Sequence[StepRow], validations: Sequence[ValidationRow]) -> list[Markup]:
    """Draw every chart that has something to show, the reward first."""
    smooth = max(1, len(steps) // 25)
    charts = [*_reward_charts(steps, smooth), _validation_chart(validations)]
    charts += _behaviour_charts(steps, smooth)
    return [drawn for drawn in map(draw_chart, charts) if drawn]


def _reward_charts(steps: Sequence[StepRow], smooth: int) -> list[Chart]:
    note = f"mean over about {smooth} steps, each step behind it" if smooth > 1 else ""
    names = dict.fromkeys(name for step in steps for name in step.components)
    components = tuple(
        Line(name, [(step.step, step.components.get(name)) for step in steps], smooth)
        for name in names
    )
    if steps and all(step.reward_mean is None for step in steps):
        line = _line("loss", steps, lambda step: step.loss, smooth)
        return [Chart("Loss of targets", (line,), y_label="nats a token", note=note)]
    return [
        Chart(
            "Reward",
            (_line("total", steps, lambda step: step.reward_mean, smooth),),
            y_label="mean of a step",
            note=note,
        ),
        Chart("Reward by component", components, y_label="mean of a step, weighted", note=note),
    ]


def _validation_chart(rows: Sequence[ValidationRow]) -> Chart:
    def line(name: str, read: Callable[[ValidationRow], float | None]) -> Line:
        return Line(name, [(row.step, read(row)) for row in rows], dots=True)

    samples = f"{rows[-1].n:,} held-out samples" if rows else ""
    return Chart(
        "Validation",
        (
            line("accuracy", lambda row: row.accuracy),
            line("grounding IoU", lambda row: row.grounding_iou),
            line("format", lambda row: row.format_rate),
        ),
        y_label="share",
        note=samples,
        y_range=_SHARE,
    )


def _behaviour_charts(steps: Sequence[StepRow], smooth: int) -> list[Chart]:
    return [
        Chart(
            "Distance from the reference",
            (_line("KL", steps, lambda step: step.kl, smooth),),
            y_label="k3 estimate, nats a token",
        ),
        Chart(
            "What is sampled",
            (
                _line("format kept", steps, lambda step: step.format_rate, smooth),
                _line("with a box", steps, lambda step: step.box_rate, smooth),
                _line("finished", steps, lambda step: step.finished_share, smooth),
            ),
            y_label="share of completions",
            y_range=_SHARE,
        ),
        Chart(
            "What teaches nothing",
            (
                _line("groups that agree", steps, lambda step: step.zero_variance_share, smooth),
                _line("duplicates", steps, lambda step: step.duplicate_share, smooth),
                _line("unscored", steps, lambda step: step.unscored_share, smooth),
            ),
            y_label="share",
            y_range=_SHARE,
        ),
        Chart(
            "Length of completions",
            (_line("mean", steps, lambda step: step.mean_completion_length, smooth),),
            y_label="tokens",
        ),
        Chart(
            "Gradient norm",
            (_line("before clipping", steps, lambda step: step.grad_norm, smooth),),
            y_label="norm",
        ),
    ]


def _line(
    name: str, steps: Sequence[StepRow], read: Callable[[StepRow], float | None], smooth: int
) -> Line:
    return Line(name, [(step.step, read(step)) for step in steps], smooth)
