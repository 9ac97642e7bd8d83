"""A worker's side of the conversation: one order a line on stdin, one JSON object a line back.

Standard library and torch only: it runs in every environment that is measured.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Meter", "peak_gib", "serve"]


class Meter:
    """Adds up seconds, or floating-point operations, by phase."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._flops: FlopCounterMode | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside."""
        before = self._now()
        yield
        self.spent[name] = self.spent.get(name, 0.0) + self._now() - before

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose calls are counted."""

        def counted(*arguments: Any, **keywords: Any) -> Any:
            with self.phase(name):
                return function(*arguments, **keywords)

        return counted

    @contextmanager
    def counting_flops(self) -> Iterator[None]:
        """Count operations instead of seconds."""
        with FlopCounterMode(display=False, custom_mapping=_UNKNOWN_TO_TORCH) as self._flops:
            yield
        self._flops = None

    def _now(self) -> float:
        if self._flops is not None:
            return float(self._flops.get_total_flops())
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return time.perf_counter()


def _packed_product(states: Any, weight: Any, *_: Any, **__: Any) -> int:
    """Operations of a product; given are shapes."""
    return 2 * math.prod(states) * weight[0]


def _attention(query: Any, keys: Any, *_: Any, **__: Any) -> int:
    """Operations of queries times keys, and of shares times values; as torch counts."""
    return 4 * math.prod(query) * keys[-2]


def _attention_back(_gradient: Any, query: Any, keys: Any, *_: Any, **__: Any) -> int:
    """Operations of the products made again and the four gradients; as torch counts."""
    return 10 * math.prod(query) * keys[-2]


_UNKNOWN_TO_TORCH = {
    torch.ops.mkldnn._linear_pointwise: _packed_product,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_back,
}
"""Operators that torch's counter takes for free: packed weights, and attention on the CPU."""


def peak_gib() -> float:
    """Peak of this process's memory so far: on the GPU when there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def orders() -> Iterator[str]:
    """Say that everything is loaded, then give orders as they come."""
    say({"ready": True})
    for line in sys.stdin:
        yield line.strip()


def say(content: dict[str, Any]) -> None:
    """Answer; libraries that print go elsewhere."""
    print("@" + json.dumps(content), flush=True)


def serve(step: Callable[[], None], meter: Meter) -> None:
    """Make a step for every order and say what it took."""
    for order in orders():
        meter.spent.clear()
        if order == "flops":
            with meter.counting_flops(), meter.phase("total"):
                step()
        else:
            with meter.phase("total"):
                step()
        say({**meter.spent, "peak_gib": peak_gib()})
