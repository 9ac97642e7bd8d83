"""The judge that a recipe asks for: opened, checked at the start, and what it has cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from grit.config.judge import ChatJudgeConfig, JudgeConfig
from grit.errors import JudgeOutageError
from grit.judges.chat import ChatJudge
from grit.judges.rules import RulesJudge
from grit.judges.rules_first import RulesFirstJudge
from grit.judges.spending import Spent
from grit.judges.verdict import Judge
from grit.processes.processes import Processes

__all__ = ["JudgeOfRun", "asks_a_server", "open_judge", "require_judge"]


def asks_a_server(config: JudgeConfig) -> bool:
    """Whether a recipe's judge is behind a server at all."""
    return isinstance(config, ChatJudgeConfig) and config.order != "rules"


@dataclass(frozen=True, slots=True)
class JudgeOfRun:
    """A judge that is open.

    Args:
        judge: Who decides.
        chat: The chat judge in it; None where rules decide alone.
    """

    judge: Judge
    chat: ChatJudge | None = None

    @property
    def outage(self) -> str | None:
        """Why nothing is being judged; None while all is well."""
        return None if self.chat is None else self.chat.outage

    def count_elsewhere(self, spent: Spent) -> None:
        """Take into the budget what was spent before the run was resumed."""
        if self.chat is not None:
            self.chat.spending.elsewhere = spent

    def share_spending(self, before: Spent, processes: Processes) -> dict[str, float]:
        """What all processes have spent, so that each holds the whole of it against the budget.

        Args:
            before: Spent before the run was resumed.
            processes: Who judge a share each; all of them must come here.

        Returns:
            The sums by name; empty where rules decide alone.
        """
        if self.chat is None:
            return {}
        spending = self.chat.spending
        own = spending.own
        total = sum(processes.gather(own), before)
        spending.elsewhere = total - own
        return self.spent()

    def spent(self) -> dict[str, float]:
        """The sums by name, as far as this process knows; empty where rules decide alone."""
        return {} if self.chat is None else asdict(self.chat.spending.total)


@contextmanager
def open_judge(config: JudgeConfig, *, say: Callable[[str], None]) -> Generator[JudgeOfRun]:
    """Open the judge of a recipe.

    Args:
        config: Which, and in which order.
        say: Told of pauses and such; from another thread.

    Raises:
        ConfigError: If a key or a price is missing.
        JudgeError: If the cache cannot be used.
    """
    if not isinstance(config, ChatJudgeConfig) or config.order == "rules":
        yield JudgeOfRun(RulesJudge())
        return
    with ChatJudge(config, say=say) as chat:
        yield JudgeOfRun(chat if config.order == "always" else RulesFirstJudge(chat), chat)


def require_judge(config: JudgeConfig) -> None:
    """Say early what a judge lacks: before anything is loaded or removed, and not at step 50.

    A server is asked one question whose answer is known; the cache keeps the reply, and the next
    start asks nothing.

    Raises:
        ConfigError: If a key or a price is missing.
        JudgeError: If the server, its model or the cache is not there, or the key is wrong.
    """
    if not asks_a_server(config):
        return
    with open_judge(config, say=lambda _: None) as opened:
        if opened.chat is not None:
            try:
                asyncio.run(opened.chat.check())
            except JudgeOutageError as error:
                raise JudgeOutageError(
                    f"{error}; start the server, correct judge.base_url, or judge by rules alone: "
                    "--judge.type rules",
                    is_busy=error.is_busy,
                ) from error
