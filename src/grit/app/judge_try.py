"""`grit judge try`: one verdict, asked for in any case, and all that was said about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from grit.config.judge import ChatJudgeConfig, JudgeConfig
from grit.errors import JudgeError
from grit.judges.chat import ChatJudge
from grit.judges.guard import guarded
from grit.judges.rules import decide
from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["Tried", "try_judge"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it.

    Args:
        verdict: The judge's word.
        said: Title and text of each thing that was said, in order.
        requests: How many were sent to a server.
        tokens: Read and written by the model.
    """

    verdict: Verdict
    said: list[tuple[str, str]]
    requests: int = 0
    tokens: int = 0


def try_judge(config: JudgeConfig, request: JudgeRequest) -> Tried:
    """Ask for one verdict; no cache, and no patience beyond the retry limit.

    Raises:
        ConfigError: If a key or a price is missing.
    """
    if not isinstance(config, ChatJudgeConfig) or config.order == "rules":
        return Tried(decide(request), [])
    if config.guard and (verdict := guarded(request)) is not None:
        return Tried(verdict, [("the guard has it, and no server is asked", verdict.reason)])
    plain = config.model_copy(update={"cache": None, "outage": "stop"})
    with ChatJudge(plain) as judge:
        asked = judge.question(request)
        said = [(f"prompt: {turn.role}", turn.text) for turn in asked.messages]
        if config.order == "rules_first" and (ruled := decide(request)).sure:
            said.insert(0, ("a run would not ask: the rules are sure", ruled.reason))
        try:
            verdict, replies = asyncio.run(judge.once(asked))
            said += [("reply", reply.text or "(nothing)") for reply in replies]
        except JudgeError as error:
            verdict = Verdict.unscored(str(error), judge=judge.name)
        spent = judge.spending.total
        return Tried(verdict, said, spent.requests, spent.input_tokens + spent.output_tokens)
