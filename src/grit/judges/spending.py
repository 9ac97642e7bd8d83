"""What a judge has cost so far, and what it may cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, cast

import yaml

from grit.config.judge import ChatJudgeConfig
from grit.errors import BudgetSpentError, ConfigError

__all__ = ["Price", "Spending", "Spent", "price_of"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens.

    Args:
        read: Of the prompt.
        written: Of the reply.
    """

    read: float
    written: float


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over a run.

    Args:
        requests: Sent to the server, failed ones among them.
        cached: Verdicts that the cache had.
        input_tokens: Read by the model.
        output_tokens: Written by it.
        usd: By the table of prices; 0 where the model has no price.
    """

    requests: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """The sum of both."""
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + theirs[name] for name in mine})

    def __sub__(self, other: Spent) -> Spent:
        """What came after ``other``."""
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] - theirs[name] for name in mine})


class Spending:
    """Counts, and says when a budget is spent. Used by one thread; read by any.

    Args:
        price: None where the model has none.
        max_usd: Most to spend, in US dollars; None for no limit.
        max_requests: Most requests to send; None for no limit.
    """

    def __init__(
        self,
        price: Price | None = None,
        *,
        max_usd: float | None = None,
        max_requests: int | None = None,
    ) -> None:
        self.price = price
        self._max_usd, self._max_requests = max_usd, max_requests
        self.own = Spent()
        """By this process, since it was started."""
        self.elsewhere = Spent()
        """By other processes of the run, and before it was resumed."""

    @property
    def total(self) -> Spent:
        """By the whole run so far."""
        return self.own + self.elsewhere

    def send(self) -> None:
        """Count one request that is about to be sent.

        Raises:
            BudgetSpentError: If the budget does not have it any more.
        """
        total = self.total
        if self._max_requests is not None and total.requests >= self._max_requests:
            raise BudgetSpentError(
                f"the judge was sent {total.requests} requests, as many as judge.max_requests "
                "allows; raise it and resume the run"
            )
        if self._max_usd is not None and total.usd >= self._max_usd:
            raise BudgetSpentError(
                f"the judge has cost {total.usd:.4f} USD of the {self._max_usd:g} that "
                "judge.max_usd allows; raise it and resume the run"
            )
        self.own += Spent(requests=1)

    def received(self, input_tokens: int, output_tokens: int) -> None:
        """Count the tokens of a reply."""
        usd = 0.0
        if self.price is not None:
            usd = (input_tokens * self.price.read + output_tokens * self.price.written) / 1e6
        self.own += Spent(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)

    def found(self, number: int) -> None:
        """Count verdicts that the cache had."""
        self.own += Spent(cached=number)


def price_of(config: ChatJudgeConfig) -> Price | None:
    """The price of a recipe's judge; None where no table has one.

    Raises:
        ConfigError: If the recipe's table cannot be read, or its limit in dollars has no price.
    """
    packaged = resources.files("grit.judges").joinpath("prices.yaml")
    table = _table(packaged.read_text(encoding="utf-8"), "prices.yaml")
    if config.prices is not None:
        path = config.prices.expanduser()
        try:
            table |= _table(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"judge.prices {path} cannot be read: {error}") from error
    price = table.get(config.model)
    if price is None and config.max_usd is not None:
        raise ConfigError(
            f"judge.max_usd {config.max_usd:g} cannot be kept: no table has a price for "
            f"{config.model}; give one in a file of your own with judge.prices (a line as "
            f"'{config.model}: [2.50, 10.00]', US dollars a million tokens read and written), or "
            "set judge.max_requests"
        )
    return price


def _table(text: str, where: str) -> dict[str, Price]:
    try:
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML: {error}".replace("\n", " ")) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: a table of prices has lines as 'gpt-4o: [2.50, 10.00]'")
    table: dict[str, Price] = {}
    for model, pair in cast("dict[Any, Any]", values).items():
        match pair:
            case [int() | float() as read, int() | float() as written] if min(read, written) >= 0:
                table[str(model)] = Price(float(read), float(written))
            case _:
                raise ConfigError(
                    f"{where}: {model} is {pair!r}; expected [read, written], US dollars a million "
                    "tokens"
                )
    return table
