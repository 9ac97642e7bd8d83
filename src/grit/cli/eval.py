"""`grit eval MODEL…`: accuracy, grounding and format on a test set, with n and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from grit.cli.console import out, warn

if TYPE_CHECKING:
    from grit.app.evaluate import Evaluation
    from grit.judges.verdict import Judge
    from grit.processes.processes import Processes

__all__ = ["EvalCommand", "run"]

_Modes = Literal["auto", "grounded", "cot", "icl", "direct"]


@dataclass(frozen=True)
class EvalCommand:
    """Ask models every question of a test set once, and mark what they say.

    Rows and figures go into a run folder: the model's own when it is one, else --output.
    --rescore judges rows again that are there already, and asks no model.
    Rules judge, unless --judge.type chat and other flags of a recipe's judge say who does.
    """

    model: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL…")] = ()
    """Run folders, exports, model folders, hub names, or builtin; one or several."""
    data: str = "builtin:test"
    """A JSONL file, or builtin, builtin:val, builtin:test."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of the file's pictures; by default beside it."""
    mode: tuple[_Modes, ...] = ("auto",)
    """How questions are put, in one way or several: direct; cot, the paper's suffix; icl, the
    suffix after a worked example; grounded, the suffix to a trained model. auto is grounded for
    a model that grit trained, else direct."""
    example: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """A JSONL file whose first row is the worked example of icl; by default a built-in triplet."""
    tasks: tuple[str, ...] = ()
    """Only these tasks or sets."""
    limit: int | None = None
    """Most samples of each task; held-out scenes come 300 a task without it."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Run folder for rows and figures; needed when a model is no run."""
    label: tuple[str, ...] = ()
    """The models' names in rows and tables; by default grit or base, of several the folders'."""
    compare: bool = False
    """Hold each evaluation against the first, on the same samples: McNemar's exact test for
    accuracy, paired bootstrap for IoU."""
    tables: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH…")] = ()
    """Write figures and comparisons into files that end in .md, .tex or .json."""
    predict_only: bool = False
    """Keep what the models say and judge nothing; --rescore does it later."""
    rescore: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH…")] = ()
    """Files of rows (RUN/evaluations/*.jsonl) to judge again; no model is asked."""
    seed: int = 0
    """Of held-out scenes, and of sampling."""
    batch_size: int = 64
    """Samples decoded side by side, by each process."""
    max_new_tokens: int = 1000
    """Longest completion."""
    temperature: float = 0.0
    """0 takes the likeliest token at every place."""
    min_pixels: int | None = None
    """Override the checkpoint's lower pixel limit."""
    max_pixels: int | None = None
    """Override the checkpoint's upper pixel limit."""
    force_pixel_limits: bool = False
    """Override the limits of a model that was trained under others; its boxes will shift."""
    image_processor: Literal["pil", "torchvision"] | None = None
    """What resizes pictures; none: what the model was trained with, else pil."""
    trust_remote_code: bool = False
    """Let the checkpoint's tokenizer run Python code that comes with it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format that it computes in."""
    resume: bool = False
    """Keep the rows that stand there and ask only what is missing."""
    overwrite: bool = False
    """Remove the rows that stand there and ask everything again."""


def run(arguments: list[str]) -> int:
    """Evaluate."""
    from grit.cli.judge_flags import split_judge_flags
    from grit.config.judge import RulesJudgeConfig

    judge_config, rest = split_judge_flags(arguments, prog="grit eval")
    command = tyro.cli(
        EvalCommand, prog="grit eval", args=rest, config=(tyro.conf.FlagCreatePairsOff,)
    )

    from grit.app.judges import open_judge, require_judge
    from grit.app.tables import refuse_tables
    from grit.cli.quiet import quiet_libraries
    from grit.processes.distributed import open_processes

    _refuse_contradictions(command)
    refuse_tables(command.tables, replace=command.resume or command.overwrite)
    quiet_libraries()
    if command.predict_only:
        judge_config = RulesJudgeConfig()
    require_judge(judge_config)
    with open_judge(judge_config, say=warn) as opened:
        if command.rescore:
            _show(command, _rescored(command, opened.judge, judge_config.threshold))
            return 0
        with open_processes(command.device) as processes:
            evaluations = _evaluated(command, processes, opened.judge, judge_config.threshold)
    if processes.is_writer:
        _show(command, evaluations)
    return 0


def _refuse_contradictions(command: EvalCommand) -> None:
    from grit.errors import ConfigError

    if bool(command.model) == bool(command.rescore):
        raise ConfigError(
            "give models to ask, or files of rows to --rescore; one of the two (grit eval --help)"
        )
    if command.predict_only and (command.compare or command.tables or command.rescore):
        raise ConfigError(
            "--predict-only judges nothing, so that there is nothing for --compare, --tables or "
            "--rescore; judge the rows afterwards with --rescore FILE, and compare then"
        )
    num_evaluations = len(command.model) * len(set(command.mode)) + len(command.rescore)
    if command.compare and num_evaluations < 2:
        raise ConfigError(
            "--compare needs two evaluations or more: give two models, two modes, or two files to "
            "--rescore"
        )
    if command.example is not None and "icl" not in command.mode:
        raise ConfigError("--example is shown in the mode icl alone; add --mode icl")


def _rescored(command: EvalCommand, judge: Judge, threshold: float) -> list[Evaluation]:
    from grit.app.rescore import rescore_file
    from grit.cli.demo import evaluation_bar

    return [
        rescore_file(file, judge=judge, threshold=threshold, bar=evaluation_bar)
        for file in command.rescore
    ]


def _evaluated(
    command: EvalCommand, processes: Processes, judge: Judge, threshold: float
) -> list[Evaluation]:
    from grit.app.evaluate_models import evaluate_model, labels_of
    from grit.cli.demo import evaluation_bar, no_bar
    from grit.config.compose import config_of_flags
    from grit.config.evaluation import EvaluationConfig
    from grit.config.model import ModelConfig

    config = config_of_flags(
        EvaluationConfig,
        tasks=command.tasks or None,
        limit=command.limit,
        batch_size=command.batch_size,
        max_new_tokens=command.max_new_tokens,
        temperature=command.temperature,
        seed=command.seed,
    )
    model = config_of_flags(
        ModelConfig,
        min_pixels=command.min_pixels,
        max_pixels=command.max_pixels,
        force_pixel_limits=command.force_pixel_limits,
        image_processor=command.image_processor,
        trust_remote_code=command.trust_remote_code,
        device=command.device,
        dtype=command.dtype,
    )
    modes = tuple(dict.fromkeys(None if mode == "auto" else mode for mode in command.mode))
    labels = labels_of(command.model, command.label)
    return [
        evaluation
        for source, label in zip(command.model, labels, strict=True)
        for evaluation in evaluate_model(
            source,
            model,
            config,
            data=command.data,
            images=command.images,
            modes=modes,
            example=command.example,
            output=command.output,
            label=label,
            judge=None if command.predict_only else judge,
            threshold=threshold,
            bar=evaluation_bar if processes.is_writer else no_bar,
            resume=command.resume,
            overwrite=command.overwrite,
            processes=processes,
        )
    ]


def _show(command: EvalCommand, evaluations: list[Evaluation]) -> None:
    """Tables on the terminal and in files, and where the rows are."""
    from grit.app.tables import compare_with_first, write_table
    from grit.cli.figures import comparison_figures, figures_table, part_figures, raw_figures

    summaries = [summary for each in evaluations for summary in each.summaries]
    if not command.predict_only:
        out().print(figures_table(summaries))
        for more in (raw_figures(summaries), part_figures(summaries)):
            if more is not None:
                out().print(more)
    comparisons = compare_with_first(evaluations) if command.compare else []
    for table in comparison_figures(comparisons):
        out().print(table)
    for each in evaluations:
        out().print(f"rows in {each.path}", markup=False, soft_wrap=True)
        if command.predict_only or any(row.n_unscored for row in each.summaries):
            why = "" if command.predict_only else "unscored answers are judged by "
            out().print(f"  {why}grit eval --rescore {each.path}", markup=False, soft_wrap=True)
    for file in command.tables:
        write_table(file, summaries, comparisons)
        out().print(f"figures in {file}", markup=False, soft_wrap=True)
