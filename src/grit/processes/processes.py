"""The seam behind which one process and many look alike.

One rule makes it safe: all processes make the same calls in the same order. Each ``gather`` is a
meeting. A process that fails tells so at the next meeting and leaves; the others learn it there,
in place of an answer, and leave too. So nobody waits for one that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from torch import nn

__all__ = ["ALONE", "Alone", "Processes", "by_writer", "share_of"]

T = TypeVar("T")


class Processes(Protocol):
    """The processes that make one run together, as one of them sees them."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def is_writer(self) -> bool:
        """Whether this is the one that writes files and speaks to the user."""
        ...

    def gather(self, value: T, /) -> list[T]:
        """Meet, and hear what each process brings, in order of their numbers.

        Args:
            value: Plain data; tensors are on the CPU.

        Raises:
            OtherProcessError: If another process has failed.
        """
        ...

    def sum_gradients(self, weights: Sequence[nn.Parameter], /) -> None:
        """Give each weight the sum of its gradients in all processes, in place.

        A weight that has a gradient nowhere is left without one.

        Args:
            weights: The same ones in the same order everywhere.

        Raises:
            OtherProcessError: If another process has failed.
        """
        ...


class Alone:
    """One process, which is all there is."""

    rank = 0
    size = 1
    is_writer = True

    def gather(self, value: T, /) -> list[T]:
        """What this process brings."""
        return [value]

    def sum_gradients(self, weights: Sequence[nn.Parameter], /) -> None:
        """They are summed already."""


ALONE = Alone()
"""For whoever was not given others."""


def share_of(number: int, processes: Processes) -> slice:
    """Which of ``number`` things this process does: neighbours, as many as anyone else or one more.

    The shares of all processes, in order of their numbers, are all things in their order.
    """
    least, more = divmod(number, processes.size)
    first = processes.rank * least + min(processes.rank, more)
    return slice(first, first + least + (processes.rank < more))


def by_writer(processes: Processes, work: Callable[[], T]) -> T:
    """Let the writer do a thing, once, and tell the others what came of it."""
    return processes.gather(work() if processes.is_writer else None)[0]  # pyright: ignore[reportReturnType]
