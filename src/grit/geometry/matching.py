"""Two sets of boxes, box by box: best overlaps, and the best one-to-one matching."""

from __future__ import annotations

from collections.abc import Sequence

from grit.geometry.box import Box
from grit.geometry.overlap import iou

__all__ = ["best_overlaps", "matched_overlap"]


def best_overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> list[float]:
    """For each box the largest IoU that it has with one of the others; 0.0 where there is none.

    Raises:
        SpaceMismatchError: If the boxes are in two spaces.
    """
    return [max((iou(box, other) for other in others), default=0.0) for box in boxes]


def matched_overlap(first: Sequence[Box], second: Sequence[Box]) -> float:
    """Largest sum of IoU when each box has at most one partner in the other set.

    Time grows with the cube of the number of boxes; a few hundred take about a second.

    Raises:
        SpaceMismatchError: If the boxes are in two spaces.

    Source: Kuhn, Naval Research Logistics Quarterly 2 (1955), 83-97, with potentials.
    """
    rows, columns = (first, second) if len(first) <= len(second) else (second, first)
    if not rows:
        return 0.0
    gains = [[iou(a, b) for b in columns] for a in rows]
    partner = _assign([[-gain for gain in line] for line in gains])
    return sum(gains[row][column] for row, column in enumerate(partner))


def _assign(costs: Sequence[Sequence[float]]) -> list[int]:
    """The column of each row that makes the sum of costs least; at most as many rows as columns.

    Rows join one by one; each is given a column along the cheapest path of changes.
    """
    num_columns = len(costs[0])
    row_price = [0.0] * len(costs)
    column_price = [0.0] * (num_columns + 1)
    owner = [-1] * (num_columns + 1)  # the last column stands for "the row that is to join"
    for joining in range(len(costs)):
        owner[num_columns], column = joining, num_columns
        slack, came_from = [float("inf")] * num_columns, [num_columns] * num_columns
        done = [False] * (num_columns + 1)
        while owner[column] >= 0:
            done[column] = True
            row = owner[column]
            for free in range(num_columns):
                if not done[free]:
                    reduced = costs[row][free] - row_price[row] - column_price[free]
                    if reduced < slack[free]:
                        slack[free], came_from[free] = reduced, column
            nearest = min((c for c in range(num_columns) if not done[c]), key=slack.__getitem__)
            step = slack[nearest]
            for each in range(num_columns + 1):
                if done[each]:
                    row_price[owner[each]] += step
                    column_price[each] -= step
                elif each < num_columns:
                    slack[each] -= step
            column = nearest
        while column != num_columns:
            owner[column] = owner[came_from[column]]
            column = came_from[column]
    found = [0] * len(costs)
    for column in range(num_columns):
        if owner[column] >= 0:
            found[owner[column]] = column
    return found
