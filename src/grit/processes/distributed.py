"""Several processes over torch.distributed: gloo for what they say, NCCL for gradients on GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from grit.errors import ConfigError, OtherProcessError
from grit.processes.launch import Launched, launched, refuse_sharding
from grit.processes.processes import ALONE, Processes

__all__ = ["Distributed", "open_processes"]

T = TypeVar("T")


def open_processes(device: str) -> AbstractContextManager[Processes]:
    """The processes that the launcher started, for the length of a ``with`` block.

    Args:
        device: ``model.device``: ``cpu``, ``cuda``, or ``auto``.

    Raises:
        ConfigError: If the launcher was asked for what grit does not do, or for more processes
            than this machine has GPUs.
    """
    refuse_sharding()
    place = launched()
    if place.size == 1:
        return nullcontext(ALONE)
    on_gpus = device != "cpu" and torch.cuda.is_available()
    gpus = torch.cuda.device_count()
    if on_gpus and place.local_size > gpus:
        raise ConfigError(
            f"there are {place.local_size} processes on this machine and {gpus} GPUs; launch with "
            f"--num_processes {gpus}, or set model.device to cpu"
        )
    return Distributed(place, on_gpus=on_gpus)


@dataclass(frozen=True, slots=True)
class _Word:
    """What one process brings to a meeting: a value, or why it leaves."""

    value: Any = None
    failure: str | None = None


class Distributed:
    """One of several processes. Leaving the ``with`` block is the last meeting.

    Args:
        place: Which one.
        on_gpus: Whether each process has a GPU of its own.
    """

    def __init__(self, place: Launched, *, on_gpus: bool) -> None:
        self.rank = place.rank
        self.size = place.size
        self.is_writer = place.rank == 0
        self._local_rank = place.local_rank
        self._on_gpus = on_gpus
        self._have_parted = False
        self._is_broken = False

    def __enter__(self) -> Distributed:
        """Wait until all processes are there."""
        if self._on_gpus:
            torch.cuda.set_device(self._local_rank)
        dist.init_process_group("cpu:gloo,cuda:nccl" if self._on_gpus else "gloo")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the others how it ended here, and hear how it ended there.

        Raises:
            OtherProcessError: If it went well here and not there.
        """
        try:
            if self._have_parted:
                return
            if error is None:
                self.gather(None)
            elif isinstance(error, Exception):
                # This process's own error goes on its way, whatever the others bring.
                with suppress(OtherProcessError):
                    self._meet(_Word(failure=_in_words(error)))
            else:
                # Interrupted at once: the others find the connection closed.
                self._is_broken = True
        finally:
            # A group that is still there when Python ends aborts now and then, after its peers
            # have left. One whose connection broke may hang in being taken down.
            if not self._is_broken:
                dist.destroy_process_group()

    def gather(self, value: T, /) -> list[T]:
        """Meet, and hear what each process brings, in order of their numbers.

        Raises:
            OtherProcessError: If another process has failed or gone.
        """
        return [word.value for word in self._meet(_Word(value))]

    def sum_gradients(self, weights: Sequence[nn.Parameter], /) -> None:
        """Give each weight the sum of its gradients in all processes, in place.

        Raises:
            OtherProcessError: If another process has failed or gone.
        """
        # A process may have learned nothing of a weight, or nothing at all; where nobody has,
        # there must be no gradient, for the optimiser moves a weight with a gradient of zero.
        everywhere = self.gather([weight.grad is not None for weight in weights])
        for weight, known in zip(weights, zip(*everywhere, strict=True), strict=True):
            if not any(known):
                continue
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            try:
                dist.all_reduce(weight.grad)
            except RuntimeError as error:
                raise self._gone(error) from error

    def _meet(self, word: _Word) -> list[_Word]:
        if self._have_parted:
            raise OtherProcessError(f"process {self.rank} of {self.size} has lost the others")
        words: list[Any] = [None] * self.size
        try:
            dist.all_gather_object(words, word)
        except RuntimeError as error:
            raise self._gone(error) from error
        failed = [(rank, each.failure) for rank, each in enumerate(words) if each.failure]
        if failed:
            self._have_parted = True
            said = "; ".join(f"process {rank} of {self.size} failed: {why}" for rank, why in failed)
            raise OtherProcessError(f"{said} (process {self.rank} ends with it)")
        return words

    def _gone(self, error: RuntimeError) -> OtherProcessError:
        """A connection that broke: nobody can be met any more."""
        self._have_parted = self._is_broken = True
        (first, *_) = str(error).splitlines() or [""]
        return OtherProcessError(
            f"process {self.rank} of {self.size} lost another one, which was killed or is stuck "
            f"({first}); see what it said, then go on with --resume"
        )


def _in_words(error: Exception) -> str:
    kind = type(error)
    own = kind.__module__.startswith("grit.")
    return str(error) if own else f"{kind.__name__}: {error}"
