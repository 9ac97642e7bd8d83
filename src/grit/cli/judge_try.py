"""`grit judge try`: one verdict, with everything that was said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from grit.cli.console import out
from grit.config.base import Config
from grit.config.compose import load_config, split_arguments
from grit.config.fields import tagged
from grit.config.judge import ChatJudgeConfig, RulesJudgeConfig

__all__ = ["TryConfig", "run"]

_ABOUT = """Ask a judge for one verdict and show prompt, reply and verdict. The last line is the
score, or "unscored: why" (then the exit status is 1). Of FILES, recipes, only the judge is read.
The server is asked in any case, the cache neither read nor written; retries are as
--judge.max-retries says, whatever the outage policy."""


class TryConfig(Config):
    """One verdict."""

    judge: Annotated[
        RulesJudgeConfig | ChatJudgeConfig,
        Field(discriminator="type"),
        BeforeValidator(tagged("chat")),
    ] = ChatJudgeConfig()
    """Who is asked."""

    question: str = ""
    """What the policy was asked."""

    reference: str = ""
    """The true answer."""

    prediction: str = ""
    """The answer that is to be judged."""

    picture: Path | None = None
    """A picture that the judge is shown beside the text."""


def run(arguments: list[str]) -> int:
    """Ask; 0 with a score, 1 without one."""
    files, flags = split_arguments(arguments)
    config = load_config(
        TryConfig, files, flags, prog="grit judge try [FILES]", description=_ABOUT, parts=("judge",)
    )

    from grit.app.judge_try import try_judge
    from grit.judges.verdict import JudgeRequest

    pictures = () if config.picture is None else (config.picture,)
    request = JudgeRequest(config.question, config.reference, config.prediction, pictures=pictures)
    tried = try_judge(config.judge, request)
    for title, text in tried.said:
        out().print(f"— {title} —", style="bold", markup=False)
        out().print(text, markup=False, soft_wrap=True)
    verdict = tried.verdict
    out().print("— verdict —", style="bold", markup=False)
    way = f" ({verdict.way})" if verdict.way else ""
    if verdict.score is None:
        out().print(f"by {verdict.judge}, after {tried.requests} requests", markup=False)
        out().print(f"unscored: {' '.join(verdict.reason.split())}", markup=False, soft_wrap=True)
        return 1
    is_right = "right" if verdict.score >= config.judge.threshold else "wrong"
    out().print(
        f"{is_right} at threshold {config.judge.threshold:g}, by {verdict.judge}{way}: "
        f"{verdict.reason}; {tried.requests} requests, {tried.tokens} tokens",
        markup=False,
        soft_wrap=True,
    )
    out().print(f"{verdict.score:g}", markup=False)
    return 0
