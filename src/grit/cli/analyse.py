"""`grit analyse`: what chains and answers rest on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from grit.cli.console import out, warn
from grit.errors import ConfigError
from grit.records.rows import ALL_TASKS

if TYPE_CHECKING:
    from rich.table import Table

    from grit.app.chains import Chains
    from grit.config.evaluation import EvaluationConfig
    from grit.config.judge import JudgeConfig
    from grit.records.analyses import AttentionTable, CorrelationTable, FaithfulnessTable

__all__ = ["AttentionCommand", "CorrelationCommand", "FaithfulnessCommand", "run"]


_DONE = {
    "blank_cited": "a cited blanked",
    "blank_elsewhere": "b others blanked",
    "keep_cited": "c only cited kept",
    "random_coordinates": "d random numbers",
    "no_boxes": "e no boxes",
    "necessity": "necessity: a − b",
}


@dataclass(frozen=True)
class CorrelationCommand:
    """Whether a chain's words belong to its boxes: told from random boxes, by a judge.

    Coordinates are masked; the judge sees two copies of the picture, one with the chain's boxes,
    one with random ones, in a random order. 0.5 is chance.
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder with evaluations; rows and figures go into its analyses/."""
    chains: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """JSONL of chains that people wrote (id, text), in place of the run's own."""
    data: str = "builtin:test"
    """What the ids of that file stand for: a JSONL file, or builtin, builtin:val, builtin:test."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of that data's pictures."""
    judge: Literal["scene", "chat"] = "scene"
    """Who is asked. scene knows the built-in world, and nothing else; chat is a vision-language
    model behind a server, named by --judge.base-url, --judge.model and all else that
    `grit judge try --help` lists under judge."""
    repeats: int = 3
    """Times that each chain is asked about, with other random boxes."""
    seed: int = 0
    """Of random boxes and of the pictures' order."""
    control: bool = False
    """Ask also about the same texts with the boxes of other chains; that should come out as 0.5."""
    resume: bool = False
    """Keep the rows that stand there and ask only what is missing."""
    overwrite: bool = False
    """Remove the rows that stand there and ask everything again."""


@dataclass(frozen=True)
class FaithfulnessCommand:
    """Whether answers rest on the regions that chains point at; needs no labels.

    The chain's regions are blanked, others of the same size are, or all but them; its coordinates
    are swapped for random ones, or taken out. The model goes on from there, and its answer is
    held against the one that it gives when nothing is changed.
    """

    model: Annotated[str, tyro.conf.Positional]
    """A run folder, an export, a model folder, a hub name, or builtin."""
    data: str = "builtin:test"
    """A JSONL file, or builtin, builtin:val, builtin:test."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Folder of the file's pictures; by default beside it."""
    tasks: tuple[str, ...] = ()
    """Only these tasks or sets."""
    limit: int | None = 100
    """Most samples of each task."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Run folder for rows and figures; needed when the model is no run."""
    label: str | None = None
    """The model's name in rows; by default grit or sft for one that grit trained, else base."""
    seed: int = 0
    """Of held-out scenes, of random regions and of random coordinates."""
    batch_size: int = 32
    """Chains looked into together."""
    max_new_tokens: int = 1000
    """Longest completion."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format that it computes in."""
    resume: bool = False
    """Keep the rows that stand there and examine only what is missing."""
    overwrite: bool = False
    """Remove the rows that stand there and examine everything again."""


@dataclass(frozen=True)
class AttentionCommand(FaithfulnessCommand):
    """How much attention falls on the picture after grounding, with the chain's boxes and without.

    The chain is split at <rethink>; boxes are deleted from the part before, and the model goes on.
    Compared are the first 50 tokens after the split (the paper's analysis, for every family).
    """


_COMMANDS = {
    "correlation": CorrelationCommand,
    "faithfulness": FaithfulnessCommand,
    "attention": AttentionCommand,
}


def run(arguments: list[str]) -> int:
    """Run `grit analyse ARGUMENTS`."""
    from grit.cli.judge_flags import split_judge_flags

    judge_config, rest = split_judge_flags(arguments, prog="grit analyse", kind="chat")
    command = tyro.extras.subcommand_cli_from_dict(
        _COMMANDS,
        prog="grit analyse",
        description="What chains and answers rest on.",
        args=rest,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    from grit.cli.quiet import quiet_libraries

    quiet_libraries()
    is_chat = isinstance(command, CorrelationCommand) and command.judge == "chat"
    if len(rest) < len(arguments) and not is_chat:
        raise ConfigError(
            "flags of --judge. belong to grit analyse correlation RUN --judge chat; add that, or "
            "leave them out"
        )
    if isinstance(command, CorrelationCommand):
        return _correlation(command, judge_config)
    if isinstance(command, AttentionCommand):
        return _attention(command)
    return _faithfulness(command)


def _correlation(command: CorrelationCommand, judge_config: JudgeConfig) -> int:
    from grit.analysis.scene_judge import SceneJudge
    from grit.app.correlation import open_region_judge, run_correlation
    from grit.cli.demo import evaluation_bar
    from grit.records.folder import RunFolder

    folder = RunFolder.open(command.run)
    is_chat = command.judge == "chat"
    with (
        open_region_judge(judge_config, say=warn) if is_chat else nullcontext(SceneJudge())
    ) as judge:
        tables = run_correlation(
            folder,
            judge,
            evaluation_bar,
            chains=command.chains,
            data=command.data,
            images=command.images,
            repeats=command.repeats,
            seed=command.seed,
            control=command.control,
            resume=command.resume,
            overwrite=command.overwrite,
        )
    out().print(correlation_table(tables))
    for table in tables:
        for reason, number in table.left_out.items():
            out().print(f"{table.source}: left out {number}, {reason}", markup=False)
        unscored = sum(each.unscored for each in table.figures if each.task != ALL_TASKS)
        if unscored:
            out().print(f"{table.source}: {unscored} not judged, and in no rate", markup=False)
    if not is_chat:
        out().print("The judge knows the scenes; it stands in for a vision-language judge.")
    out().print(f"rows in {folder.analyses}", markup=False, soft_wrap=True)
    return 0


def _chains(command: FaithfulnessCommand) -> tuple[Chains, EvaluationConfig]:
    """The model's chains, asked where they are not there yet."""
    from grit.app.chains import chains_of
    from grit.cli.demo import evaluation_bar
    from grit.config.compose import config_of_flags
    from grit.config.evaluation import EvaluationConfig
    from grit.config.model import ModelConfig

    config = config_of_flags(
        EvaluationConfig,
        tasks=command.tasks or None,
        limit=command.limit,
        batch_size=command.batch_size,
        max_new_tokens=command.max_new_tokens,
        seed=command.seed,
    )
    chains = chains_of(
        command.model,
        config_of_flags(ModelConfig, device=command.device, dtype=command.dtype),
        config,
        evaluation_bar,
        data=command.data,
        images=command.images,
        output=command.output,
        label=command.label,
    )
    return chains, config


def _faithfulness(command: FaithfulnessCommand) -> int:
    from grit.app.faithfulness import run_faithfulness
    from grit.cli.demo import evaluation_bar

    chains, config = _chains(command)
    table = run_faithfulness(
        chains,
        config,
        evaluation_bar,
        seed=command.seed,
        resume=command.resume,
        overwrite=command.overwrite,
    )
    out().print(faithfulness_table(table))
    for reason, number in table.left_out.items():
        out().print(f"left out {number}, {reason}", markup=False)
    out().print(f"rows in {chains.folder.analyses}", markup=False, soft_wrap=True)
    return 0


def _attention(command: AttentionCommand) -> int:
    from grit.app.attention import run_attention
    from grit.cli.demo import evaluation_bar

    chains, config = _chains(command)
    table = run_attention(
        chains,
        config,
        evaluation_bar,
        resume=command.resume,
        overwrite=command.overwrite,
    )
    out().print(attention_table(table))
    if table.difference is not None:
        gap = _figure(table.difference.share, table.difference.interval, digits=4)
        out().print(f"original less box-free, over layers and tokens: {gap}")
    for reason, number in table.left_out.items():
        out().print(f"left out {number}, {reason}", markup=False)
    out().print(f"rows in {chains.folder.analyses}", markup=False, soft_wrap=True)
    return 0


def attention_table(table: AttentionTable) -> Table:
    """Shares by layer, both continuations side by side; tokens are in the file."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", "n", "original", "without boxes"):
        shown.add_column(name, no_wrap=True)
    for own, bare in zip(table.by_layer["original"], table.by_layer["box_free"], strict=True):
        shown.add_row(
            str(own.place + 1),
            str(own.n),
            _figure(own.share, own.interval, digits=3),
            _figure(bare.share, bare.interval, digits=3),
        )
    return shown


def faithfulness_table(table: FaithfulnessTable) -> Table:
    """Flips and falls of log-probability, a line an intervention, tasks together."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("task", "n", "what is done", "answers flip", "log p falls by"):
        shown.add_column(name, no_wrap=True)
    for figure in table.figures:
        for effect in figure.effects:
            first = effect is figure.effects[0]
            shown.add_row(
                figure.task if first else "",
                str(figure.n) if first else "",
                _DONE[effect.name],
                _figure(effect.flips, effect.flips_interval),
                _figure(effect.drop, effect.drop_interval),
                end_section=effect is figure.effects[-1],
            )
    return shown


def _figure(value: float | None, interval: tuple[float, float] | None, *, digits: int = 2) -> str:
    if value is None or interval is None:
        return "–"
    low, high = interval
    return f"{value:.{digits}f} [dim]{low:.{digits}f}, {high:.{digits}f}[/dim]"


def correlation_table(tables: Sequence[CorrelationTable]) -> Table:
    """Rates by source and task, one column a way of drawing."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("chains of", "task"):
        shown.add_column(name, no_wrap=True)
    for name in ("n", "sizes as drawn", "uniform"):
        shown.add_column(name, justify="right", no_wrap=True)
    for table in tables:
        for task in dict.fromkeys(figure.task for figure in table.figures):
            of_task = {figure.draw: figure for figure in table.figures if figure.task == task}
            rates = [
                "–" if figure is None or figure.mean is None
                else f"{figure.mean:.3f}"
                + ("" if figure.deviation is None else f" ± {figure.deviation:.3f}")
                for figure in (of_task.get("matched"), of_task.get("uniform"))
            ]  # fmt: skip
            number = next(iter(of_task.values())).n
            shown.add_row(table.source, task, str(number), *rates)
    return shown
