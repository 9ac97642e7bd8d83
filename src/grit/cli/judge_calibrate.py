"""`grit judge calibrate`: how far a judge agrees with human labels, or with the rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from grit.cli.console import err, out, progress, warn
from grit.config.base import Config
from grit.config.compose import load_config, split_arguments
from grit.config.judge import JudgeConfig, RulesJudgeConfig
from grit.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from grit.app.calibrate import Agreement, Calibration

__all__ = ["CalibrateConfig", "run"]

_ABOUT = """Hold a judge against the labels of FILE, or against the rules. FILE is JSONL: question,
reference, prediction and label (1 right, 0 wrong) a line, and, where known, dataset, choices,
answer_type, precision and unit; rows of grit eval are read too, their score being the label. After
FILE come YAML files with a part judge, then flags."""


class CalibrateConfig(Config):
    """Agreement of a judge."""

    judge: JudgeConfig = RulesJudgeConfig()
    """Who is examined."""

    against: Literal["labels", "rules"] = "labels"
    """What it is held against: the labels of the file, or the rules judge, sure or not."""

    show: int = Field(default=20, ge=0)
    """Rows on which the two differ that are shown; JSON has all of them."""

    format: Literal["table", "json"] = "table"
    """How the figures are printed; `json`: one object."""


def run(arguments: list[str]) -> int:
    """Run `grit judge calibrate ARGUMENTS`; 0 when every row was scored, else 1."""
    files, flags = split_arguments(arguments)
    config = load_config(
        CalibrateConfig,
        files[1:],
        flags,
        prog="grit judge calibrate FILE [FILES]",
        description=_ABOUT,
    )
    if not files:
        raise ConfigError("no file to calibrate on; give a JSONL file of labelled answers first")
    path = files[0]
    from grit.app.calibrate import calibrate, read_labelled_rows
    from grit.app.judges import open_judge, require_judge
    from grit.judges.rules import RulesJudge

    by_rules = config.against == "rules"
    rows = read_labelled_rows(path, needs_label=not by_rules)
    require_judge(config.judge)
    with (
        open_judge(config.judge, say=warn) as opened,
        progress("judging", len(rows)) as advance,
    ):
        calibration = calibrate(
            rows,
            opened.judge,
            other=RulesJudge() if by_rules else None,
            threshold=config.judge.threshold,
            on_rows=advance,
        )
    if config.format == "json":
        text = json.dumps(calibration.as_json(), ensure_ascii=False, indent=2)
        sys.stdout.write(text + "\n")
    else:
        _print(calibration, path, config.show)
    if calibration.num_unscored:
        err().print(f"{calibration.num_unscored} rows were not scored and are left out")
    return 1 if calibration.num_unscored else 0


def _print(calibration: Calibration, path: Path, num_shown: int) -> None:
    from rich.text import Text

    sides = f"{calibration.judge} against {calibration.against}"
    out().print(Text(f"{sides}, {path}, right from {calibration.threshold:g}"), soft_wrap=True)
    out().print(_figures(calibration))
    out().print(_confusion(calibration))
    differences = calibration.differences
    for each in differences[:num_shown]:
        prediction = "no answer" if each.prediction is None else f"'{_flat(each.prediction)}'"
        sure = "" if each.sure else " (not sure)"
        out().print(
            Text(
                f"line {each.line}: {prediction} for '{_flat(each.reference)}', asked "
                f"'{_flat(each.question)}': {each.ours:g} by {each.judge}{sure}, "
                f"{calibration.against} {each.theirs:g}; {_flat(each.reason)}"
            ),
            soft_wrap=True,
        )
    if len(differences) > num_shown:
        out().print(f"and {len(differences) - num_shown} more differ; --show N shows more")


def _figures(calibration: Calibration) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("rows")
    for name in ("n", "agree", "95%", "kappa", "95%"):
        table.add_column(name, justify="right", no_wrap=True)
    lines: dict[str, Agreement] = {"all": calibration.overall}
    if calibration.sure.num_rows < calibration.overall.num_rows:
        lines["where sure"] = calibration.sure
    if len(calibration.by_dataset) > 1:
        lines |= {_flat(name) or "(no set)": one for name, one in calibration.by_dataset.items()}
    for name, one in lines.items():
        agree = "–" if one.accuracy is None else f"{one.accuracy:.3f}"
        low_high = f"{one.interval.low:.3f}–{one.interval.high:.3f}"
        kappa = ("–", "–")
        if one.kappa is not None:
            ends = one.kappa.interval
            kappa = (f"{one.kappa.value:.3f}", f"{ends.low:.3f}–{ends.high:.3f}")
        table.add_row(name, str(one.num_rows), agree, low_high, *kappa)
    return table


def _confusion(calibration: Calibration) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in (calibration.judge, f"{calibration.against}: wrong", "right"):
        table.add_column(name, justify="left" if name == calibration.judge else "right")
    for word, counts in zip(("wrong", "right"), calibration.overall.confusion, strict=True):
        table.add_row(word, *map(str, counts))
    return table


def _flat(text: str) -> str:
    """A text on one line, shortened, and nothing in it that moves a terminal's cursor."""
    flat = " ".join(text.split())
    flat = "".join(letter if letter.isprintable() else "�" for letter in flat)
    return flat if len(flat) <= 60 else flat[:59] + "…"
