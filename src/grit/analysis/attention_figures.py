"""Watched attention to figures: by token, by layer and over all, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grit.records.analyses import AttentionPoint, AttentionRow, Continuation, Shares
from grit.statistics.intervals import bootstrap_interval

__all__ = ["by_layer", "by_token", "mean_difference"]


def by_token(rows: Sequence[AttentionRow], which: Continuation) -> list[AttentionPoint]:
    """Mean over layers at each token after the split; later tokens have fewer chains."""
    return _points(
        rows, which, lambda shares: [_mean(column) for column in zip(*shares, strict=True)]
    )


def by_layer(rows: Sequence[AttentionRow], which: Continuation) -> list[AttentionPoint]:
    """Mean over tokens in each layer."""
    return _points(rows, which, lambda shares: list(map(_mean, shares)))


def mean_difference(rows: Sequence[AttentionRow]) -> AttentionPoint | None:
    """Original less box-free, each a mean over layers and tokens, chain by chain."""
    gaps = [
        _whole(row.original) - _whole(row.box_free)
        for row in rows
        if row.original and row.box_free and row.original[0] and row.box_free[0]
    ]
    return _point(0, gaps) if gaps else None


def _points(
    rows: Sequence[AttentionRow],
    which: Continuation,
    figures: Callable[[Shares], list[float]],
) -> list[AttentionPoint]:
    places: dict[int, list[float]] = {}
    for row in rows:
        shares = row.original if which == "original" else row.box_free
        if shares and shares[0]:
            for place, figure in enumerate(figures(shares)):
                places.setdefault(place, []).append(figure)
    return [_point(place, values) for place, values in sorted(places.items())]


def _point(place: int, values: Sequence[float]) -> AttentionPoint:
    interval = bootstrap_interval(values, seed=0)
    return AttentionPoint(
        place=place, n=len(values), share=_mean(values), interval=(interval.low, interval.high)
    )


def _whole(shares: Shares) -> float:
    return _mean([_mean(layer) for layer in shares])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
